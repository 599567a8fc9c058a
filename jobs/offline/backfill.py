"""The engine over a history in order of arrival, as a job would have read it; no Flink."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from state.engine import Engine
from state.events import Event, read_event
from state.logic import Document, Out, SourcePosition
from state.vocabulary import HEARTBEAT

_SLICE = 1_000  # events that are taken together; what comes out does not depend on it


class Arrival(NamedTuple):
    """A message as it came in; without a position when it was in no topic."""

    value: bytes
    position: SourcePosition | None = None


@dataclass
class Pace:
    """What a run has done.

    Attributes:
        events: valid ones, late ones too; late: of them; refused: messages that are no events.
        passed_over: events of visitors that cannot matter.
        newest_ms: event time of the newest message.
        seconds: since it began.
    """

    events: int = 0
    late: int = 0
    refused: int = 0
    passed_over: int = 0
    newest_ms: int = 0
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._began

    def __str__(self) -> str:
        """For people."""
        rate = self.events / max(self.seconds, 1e-3)
        text = f"{self.events:,} events in {self.seconds:.1f} s, {rate:,.0f} a second"
        counts = {"late": self.late, "refused": self.refused, "of visitors without": self.passed_over}
        more = [f"{count:,} {name}" for name, count in counts.items() if count]
        return ", ".join([text, *more])


def run(
    engine: Engine,
    history: Iterable[Arrival],
    bound_ms: int,
    pace: Pace | None = None,
    matters: Callable[[Event], bool] = lambda event: True,
) -> Iterator[Document]:
    """The documents that the engine writes of a history, to its end.

    Args:
        engine: at its beginning.
        history: in order of arrival.
        bound_ms: what comes in so far behind the newest event is late.
        pace: is told what was done.
        matters: whether the engine is to take an event; others only move time on.
    """
    reading = _Reading(engine, bound_ms, pace or Pace(), matters)
    with _calm_collector():
        for arrival in history:
            yield from reading.read(arrival)
        yield from reading.end()


class _Reading:
    """Where a run is: what has come in and is not taken yet, and how far event time is."""

    def __init__(self, engine: Engine, bound_ms: int, pace: Pace, matters: Callable[[Event], bool]) -> None:
        self._engine, self._bound_ms, self._pace, self._matters = engine, bound_ms, pace, matters
        self._waiting: list[tuple[int, Arrival]] = []
        self._newest_ms = 0
        self._least = _SLICE

    def read(self, arrival: Arrival) -> list[Document]:
        """Takes a message in; what this leads to is mostly known later."""
        event = read_event(arrival.value, arrival.position and arrival.position.timestamp_ms)
        if not isinstance(event, Event):
            self._pace.refused += 1
            return []
        at = event.event_time_ms
        if event.kind == HEARTBEAT:
            self._newest_ms = max(self._newest_ms, at)
            return []
        self._pace.events += 1
        is_late = at < self._newest_ms - self._bound_ms
        self._pace.late += is_late
        self._newest_ms = max(self._newest_ms, at)
        if not self._matters(event):
            self._pace.passed_over += 1
            return []
        if is_late:
            return self._late(arrival)
        self._waiting.append((at, arrival))
        return self._complete(self._newest_ms - self._bound_ms) if len(self._waiting) >= self._least else []

    def _late(self, arrival: Arrival) -> list[Document]:
        """It comes behind all that was complete before."""
        found = self._complete(self._newest_ms - self._bound_ms)
        return found + self._engine.take_late([arrival.value], _positions([arrival])).documents

    def end(self) -> list[Document]:
        """Takes what is left, and everything that is pending comes to its end."""
        self._pace.newest_ms = self._newest_ms
        return self._complete(self._newest_ms + 1) + self._engine.finish().documents

    def _complete(self, ends_at: int) -> list[Document]:
        """Takes what is complete: everything before a time."""
        taken = [arrival for at, arrival in self._waiting if at < ends_at]
        self._waiting = [one for one in self._waiting if one[0] >= ends_at]
        self._least = len(self._waiting) + _SLICE
        out: Out = self._engine.take([one.value for one in taken], _positions(taken), ends_at)
        return out.documents


def _positions(arrivals: list[Arrival]) -> list[SourcePosition] | None:
    positions = [one.position for one in arrivals if one.position is not None]
    return positions if len(positions) == len(arrivals) else None


class Kin:
    """Visitors, devices and users that hang together, and which of them have an event of some types.

    A rule that hears a few types has nothing to say about all others, and what the engine knows of somebody
    hangs on nobody but these.
    """

    def __init__(self, history: Iterable[Arrival], kinds: frozenset[int]) -> None:
        """Looks a history through."""
        self._parents: dict[str, str] = {}
        heard = set()
        for arrival in history:
            event = read_event(arrival.value)
            if isinstance(event, Event):
                self._join(event)
                if event.kind in kinds:
                    heard.add(event.visitor_id)
        self._heard = {self._root(name) for name in heard}

    def matters(self, event: Event) -> bool:
        """Whether somebody that hangs together with the event's visitor has an event of the types."""
        return self._root(event.visitor_id) in self._heard

    def _join(self, event: Event) -> None:
        root = self._root(event.visitor_id)
        for name in (event.anonymous_id, event.user_id):
            if name is not None and (other := self._root(name)) != root:
                self._parents[other] = root

    def _root(self, name: str) -> str:
        parents = self._parents
        parent = parents.setdefault(name, name)
        while parent != name:
            grand = parents[parent]
            parents[name], name, parent = grand, parent, grand
        return name


@contextmanager
def _calm_collector() -> Iterator[None]:
    """A run keeps many objects that are in no cycle: the collector need not look at them all the time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
