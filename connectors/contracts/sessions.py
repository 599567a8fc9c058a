"""The contract of a session: the events of one visitor without a longer gap, closed and counted. Pure."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, Field, WithJsonSchema, model_validator

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from connectors.contracts.strict import STRICT, Count, Ordinal
from connectors.contracts.vocabulary import CUSTOM_PREFIX, EVENT_TYPES

SCHEMA = "session/1"
CloseReason = Literal["gap", "max_duration", "max_events"]
CLOSE_REASONS: tuple[CloseReason, ...] = get_args(CloseReason)
GAP_MS = 1_800_000  # a gap of more than this starts a new session
MAX_DURATION_MS = 86_400_000
MAX_EVENTS = 5_000

CUSTOM_COUNT = "custom"
COUNT_NAMES: tuple[str, ...] = (*EVENT_TYPES, CUSTOM_COUNT)


_Counts = Annotated[
    dict[str, Count],
    WithJsonSchema({
        "type": "object",
        "additionalProperties": False,
        "required": list(COUNT_NAMES),
        "properties": {name: {"type": "integer", "minimum": 0} for name in COUNT_NAMES},
    }),
]  # fmt: skip


def session_id(visitor_id: str, started_at_ms: int, part: int = 0) -> str:
    r"""First 32 hex digits of SHA-256 over ``visitor_id\nstarted_at_ms``, and ``\npart`` unless that is 0.

    Args:
        visitor_id: whose.
        started_at_ms: event time of the first event, of part 0 where there are parts.
        part: 1, 2 … for what a session has over its largest number of events.

    >>> session_id("0423043652415339154", 1470034812000)
    '14b726565e86f3f84e41588060eb609b'
    """
    suffix = f"\n{part}" if part else ""
    return hashlib.sha256(f"{visitor_id}\n{started_at_ms}{suffix}".encode()).hexdigest()[:32]


def count_name(event_type: str) -> str:
    """The entry of ``counts`` under which an event is counted.

    >>> count_name("search"), count_name("custom:favourite")
    ('search', 'custom')
    """
    return CUSTOM_COUNT if event_type.startswith(CUSTOM_PREFIX) else event_type


class Session(BaseModel):
    """The events of one visitor without a gap of more than 30 minutes, closed and counted."""

    model_config = STRICT

    visitor_id: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    """Whose."""
    session_id: str = Field(pattern="^[0-9a-f]{32}$")
    """First 32 hex digits of SHA-256 over visitor_id and started_at_ms, joined by a newline."""
    started_at_ms: Count
    """Event time of the first event. Epoch milliseconds, UTC."""
    ended_at_ms: Count
    """Event time of the last event. Epoch milliseconds, UTC."""
    duration_ms: Count
    """ended_at_ms - started_at_ms."""
    events: Ordinal
    """How many; the sum of the counts."""
    counts: _Counts
    """Events by type; `custom:<name>` of every name under `custom`."""
    close_reason: CloseReason
    """Why it ended."""
    version: Count
    """Event-time milliseconds of the last change; a higher one replaces a lower one."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if set(self.counts) != set(COUNT_NAMES):
            odd = sorted(set(self.counts) ^ set(COUNT_NAMES))
            raise ValueError(f"counts must have exactly the types of the contract; missing or unknown: {odd}")
        if sum(self.counts.values()) != self.events:
            raise ValueError(
                f"counts must sum to events={self.events}, they sum to {sum(self.counts.values())}"
            )
        if self.duration_ms != self.ended_at_ms - self.started_at_ms:
            raise ValueError(f"duration_ms must be ended_at_ms - started_at_ms, {self.duration_ms} came")
        return self

    def to_document(self) -> dict[str, Any]:
        """The JSON object."""
        return self.model_dump()
