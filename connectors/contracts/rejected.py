"""The contract of a rejected record: why, where it lay, and its bytes exactly as they came. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field

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
    """A rejected record as it lies in the topic and, with its line, in the dump of a replay.

    >>> place = {"topic": "footfall.events.raw", "partition": 0, "offset": 7, "timestamp_ms": 1_700}
    >>> verdict = Reject("not_json", None, "an empty value")
    >>> Rejected.of(verdict, b"", adapter="canonical", job_version="0.1.0", **place).payload_base64
    ''
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reason: Reason
    field: str | None = None
    detail: str
    topic: str = Field(min_length=1)
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    timestamp_ms: int = Field(ge=0)
    payload_base64: str | None  # None: the record had no value at all
    adapter: str
    job_version: str
    index: int | None = Field(default=None, ge=0)  # of the event, in a message of many
    line: int | None = Field(default=None, ge=1)

    @classmethod
    def of(cls, verdict: Reject, payload: bytes | None, **place: Any) -> Self:
        """The document of a verdict.

        Args:
            verdict: reason, field and detail.
            payload: value of the record, as it came.
            **place: topic, partition, offset, timestamp_ms, adapter, job_version; index of an event of many;
                in a replay, line.
        """
        encoded = None if payload is None else base64.b64encode(payload).decode("ascii")
        return cls(
            reason=verdict.reason,
            field=verdict.field,
            detail=verdict.detail,
            payload_base64=encoded,
            **place,
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
