"""The contract of a rejected record: why, where it lay, and its bytes exactly as they came. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, Field

from connectors.contracts.strict import STRICT, Count, Ordinal

Reason = Literal[
    "oversized",
    "not_utf8",
    "not_json",
    "not_an_object",
    "unknown_schema",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "future_timestamp",
    "no_consent",
    "bot_quarantined",
]
# In the order of the checks: a record has the first reason that applies.
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True)
class Reject:
    """The verdict on one record.

    Attributes:
        reason: one of REASONS.
        field: the property at fault; None when the message as a whole is.
        detail: what was required and what came, for a person.
    """

    reason: Reason
    field: str | None
    detail: str


class Rejected(BaseModel):
    """A record that was refused, with its bytes as they came. Null means absent, but for payload_base64.

    >>> source = {"topic": "footfall.events.raw", "partition": 0, "offset": 7, "timestamp_ms": 1_700}
    >>> verdict = Reject("not_json", None, "an empty value")
    >>> Rejected.of(verdict, b"", adapter="canonical", job_version="0.1.0", **source).payload_base64
    ''
    """

    model_config = STRICT

    reason: Reason
    """The first reason that applies, in this order."""
    field: str | None = None
    """The property at fault; absent when the message as a whole is."""
    detail: str
    """What was required and what came, for a person."""
    topic: str = Field(min_length=1)
    """Of the record."""
    partition: Count
    """Of the record."""
    offset: Count
    """Of the record."""
    timestamp_ms: Count
    """The record's own timestamp. Epoch milliseconds, UTC."""
    payload_base64: str | None = Field(json_schema_extra={"contentEncoding": "base64"})
    """The record's value, base64; null when it had none or is not kept."""
    adapter: str
    """Adapter that read it."""
    job_version: str
    """Version of the job that refused it."""
    index: Count | None = None
    """Index of the event in a message of many; its payload is the message without the others."""
    line: Ordinal | None = None
    """Line of the replayed file; only in the dump of a replay."""

    @classmethod
    def of(cls, verdict: Reject, payload: bytes | None, **source: Any) -> Self:
        """The document of a verdict.

        Args:
            verdict: reason, field and detail.
            payload: value of the record, as it came.
            **source: topic, partition, offset, timestamp_ms, adapter, job_version; index of an event of many;
                in a replay, line.
        """
        encoded = None if payload is None else base64.b64encode(payload).decode("ascii")
        return cls(
            reason=verdict.reason,
            field=verdict.field,
            detail=verdict.detail,
            payload_base64=encoded,
            **source,
        )

    def payload(self) -> bytes | None:
        """The record's value as it came.

        Raises:
            ValueError: payload_base64 is not base64.
        """
        return None if self.payload_base64 is None else base64.b64decode(self.payload_base64, validate=True)

    def to_document(self) -> dict[str, Any]:
        """The JSON object; a field without a value is left out, but a missing payload is said: null."""
        return {**self.model_dump(exclude_none=True), "payload_base64": self.payload_base64}
