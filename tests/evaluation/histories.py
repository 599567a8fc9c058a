"""One visitor's events, in order and cut into sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Spans:
    """What ends a session; the settings session_gap_ms, session_max_ms and session_max_events."""

    gap_ms: int = 1_800_000
    max_ms: int = 86_400_000
    max_events: int = 5_000


@dataclass(frozen=True)
class Session:
    """Events of one session, in order."""

    session_id: str
    events: tuple[Event, ...]

    @property
    def started_at_ms(self) -> int:
        """Time of its first event."""
        return at(self.events[0])

    @property
    def ended_at_ms(self) -> int:
        """Time of its last event."""
        return at(self.events[-1])


@dataclass(frozen=True)
class History:
    """What a visitor did: valid events in any order, copies included.

    Attributes:
        visitor_id: whose.
        told: the events' documents.
        spans: what ends a session.

    >>> told = [{"event_id": name, "event_type": "page_view", "event_time_ms": 5} for name in "aba"]
    >>> [len(one.events) for one in History("v", told).sessions]
    [2]
    """

    visitor_id: str
    documents: Iterable[Event]
    spans: Spans = field(default_factory=Spans)

    @cached_property
    def events(self) -> list[Event]:
        """Each once, by time, then sequence, then id."""
        first: dict[str, Event] = {}
        for event in self.documents:
            first.setdefault(str(event["event_id"]), event)
        return sorted(first.values(), key=lambda event: (*sort_key(event), str(event["event_id"])))

    @cached_property
    def sessions(self) -> list[Session]:
        """All of them, the open one too, in order."""
        return [session for stretch in self._stretches() for session in self._cut(stretch)]

    def with_events(self, more: Iterable[Event]) -> History:
        """The history that would be if these had been valid, too."""
        return History(self.visitor_id, [*self.events, *more], self.spans)

    def _stretches(self) -> Iterator[list[Event]]:
        stretch: list[Event] = []
        for event in self.events:
            if stretch and at(event) - at(stretch[-1]) > self.spans.gap_ms:
                yield stretch
                stretch = []
            stretch.append(event)
        if stretch:
            yield stretch

    def _cut(self, stretch: list[Event]) -> Iterator[Session]:
        """Closed by force at every full longest time since the stretch began, and after so many events."""
        began = at(stretch[0])
        for _, found in groupby(stretch, key=lambda event: (at(event) - began) // self.spans.max_ms):
            events = list(found)
            for number in range(0, len(events), self.spans.max_events):
                part = number // self.spans.max_events
                held = tuple(events[number : number + self.spans.max_events])
                yield Session(session_id(self.visitor_id, at(events[0]), part), held)


def session_id(visitor_id: str, started_at_ms: int, part: int = 0) -> str:
    """The id that SESSIONS gives.

    >>> session_id("v", 5)
    '1c5d1b09f2a01334aef10af06320a393'
    """
    parts = [visitor_id, str(started_at_ms), *([str(part)] if part else [])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def at(event: Event) -> int:
    """When it happened, epoch milliseconds."""
    return int(event["event_time_ms"])


def sort_key(event: Event) -> tuple[int, int]:
    """What orders events: time, and sequence inside a millisecond."""
    return at(event), int(event.get("sequence") or 0)
