"""What the API answers; times are epoch milliseconds. Members that a newer server adds are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

Value = str | int | float | bool


class _Read:
    """Reads a JSON object by the names of the members."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The object as the server wrote it."""
        known = {one.name for one in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in document.items() if name in known})


@dataclass(frozen=True)
class Signal(_Read):
    """Something that is so for a visitor, or was. `denied`: nobody shall act on it."""

    signal_id: str
    kind: str
    status: str
    version: int
    occurred_at_ms: int
    expires_at_ms: int
    score: float | None = None
    denied: bool = False
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Visitor(_Read):
    """What is known of a visitor; `degraded` names what did not answer in time."""

    visitor_id: str
    known: bool
    signals: list[Signal]
    segment: str | None = None
    scores: list[Mapping[str, Any]] = field(default_factory=list)
    first_seen_ms: int | None = None
    last_seen_ms: int | None = None
    features: Mapping[str, Any] | None = None
    degraded: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The visitor with its signals."""
        return super().read({**document, "signals": [Signal.read(one) for one in document["signals"]]})


@dataclass(frozen=True)
class Item(_Read):
    """An item of a slot, and why it is there: `related` or `nightly` to `because`, `category`, `popular`."""

    item_id: str
    reason: str
    because: str | None = None
    score: float | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Slot(_Read):
    """What is shown in a slot; nothing where `fields` is empty."""

    slot: str
    reason: str
    content: str | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    because: Mapping[str, Any] | None = None
    passed_over: Mapping[str, str] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The slot with its items."""
        return super().read({**document, "items": [Item.read(one) for one in document.get("items", ())]})


@dataclass(frozen=True)
class Taken(_Read):
    """What became of events that came along; not acknowledged: send them again with the same ids."""

    acknowledged: bool
    events: int
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Decision(_Read):
    """What is shown in each slot, by name."""

    visitor_id: str
    decided_at_ms: int
    content_version: str
    slots: Mapping[str, Slot]
    events: Taken | None = None
    degraded: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The decision with its slots."""
        slots = {one["slot"]: Slot.read(one) for one in document["slots"]}
        events = document.get("events") and Taken.read(document["events"])
        return super().read({**document, "slots": slots, "events": events})


@dataclass(frozen=True)
class Snapshot:
    """All that is so for the visitor now, instead of what was known before."""

    visitor_id: str
    signals: list[Signal]


@dataclass(frozen=True)
class Change:
    """One signal has changed."""

    signal: Signal
