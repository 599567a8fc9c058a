"""One rule and one visitor: the engine takes the visitor's events; what the rule does meanwhile is noted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from jobs.offline.why.facts import Document, Facts
from jobs.offline.why.facts import Event as Told
from state.bucket import Bucket, Counts, DictStore
from state.devices.identity import device_of
from state.devices.judged import ADMITTED, Judged, order_of
from state.documents import NOWHERE
from state.events import Event, read_event
from state.logic import FINAL, Out
from state.rules.kinds.absence import WaitKind
from state.rules.kinds.base import Emit, Kind, short
from state.rules.kinds.count import SpanCount
from state.rules.kinds.sequence import SequenceKind
from state.rules.pack import Pack
from state.visitor import Session, Visitor
from state.visitors.logic import VisitorsLogic
from udfs.rules import compiled

_AT, _NEXT = 0, 2  # of a sequence that has begun: when, and which step comes next


@dataclass
class Stretch:
    """A session as the engine cut it, as it was at its end, with its events in order."""

    session: Session
    events: list[Event] = field(default_factory=list)


class Ended(NamedTuple):
    """An event that ended a wait, and the one from which the wait counted."""

    answer: Event
    start_id: str
    start_at: int


class Silence(NamedTuple):
    """Time without an event."""

    lasted_ms: int
    until_ms: int


class Burst(NamedTuple):
    """Events of a key within a rule's span."""

    events: int
    last_ms: int
    first_ms: int
    key: str


class Walk(NamedTuple):
    """Steps of a sequence, each in time, or all of them in too much time."""

    steps: int
    first_ms: int
    last_ms: int
    key: str


@dataclass
class Life:
    """What a rule makes of a visitor's events, as if time had ended.

    Attributes:
        kind: the rule at work.
        visitor: as the engine remembers it.
        signals: every change of a signal, in order of version.
        stretches: the sessions.
        ended: waits that something ended; silences, bursts, walks: how far it came, each time.
    """

    kind: Kind
    visitor: Visitor
    signals: list[Document] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)

    @property
    def events(self) -> list[Event]:
        """The visitor's events, in order."""
        return [event for stretch in self.stretches for event in stretch.events]

    def type_of(self, event_id: str) -> str:
        """The type of an event of the visitor."""
        return next((one.event_type for one in self.events if one.event_id == event_id), "event")


def lived(rule: Any, facts: Facts, more: Iterable[Told] = ()) -> Life:
    """What a rule makes of a visitor's events.

    Args:
        rule: as it was loaded.
        facts: of the visitor; late events come in when all others have been taken.
        more: documents of events that are taken as if they had been valid; then none comes late.
    """
    (kind,) = compiled([rule], facts.options).kinds.values()
    life = Life(kind, Visitor(facts.visitor))
    logic = VisitorsLogic(facts.options, _Watch(life), None, lambda: facts.now_ms)
    bucket = Bucket[Visitor, Judged](0, logic, DictStore(), {(0, facts.visitor): life.visitor}, Counts())
    bucket.due[facts.visitor] = FINAL
    out, extra = Out(), list(more)
    items = [*_items(facts.visitor, [*facts.events, *extra]), *facts.shared]
    bucket.take(items, max([one.at for one in items], default=0) + 1, out)
    bucket.take_late([] if extra else _items(facts.visitor, facts.late), out)
    bucket.settle(FINAL, out)
    signals = [orjson.loads(one.body) for one in out.documents if one.kind == "signal"]
    life.signals = sorted(signals, key=lambda one: int(one["version"]))
    return life


def _items(visitor: str, documents: Iterable[Told]) -> list[Judged]:
    """The events as the engine takes them, each once; what it cannot read is left out."""
    read = {
        event.event_id: event
        for one in documents
        if isinstance(event := read_event(orjson.dumps(one)), Event)
    }
    return [
        Judged(visitor, device_of(event), event.at, event, NOWHERE, ADMITTED)
        for event in sorted(read.values(), key=order_of)
    ]


class _Watch(Pack):
    """A pack of one rule that notes what happens to it."""

    def __init__(self, life: Life) -> None:
        super().__init__([life.kind])
        self._life, self._kind = life, life.kind

    def on_event(
        self, visitor: Visitor, session: Session, event: Event, previous_at: int, emit: Emit
    ) -> None:
        """Has the rule take an event."""
        stretches = self._life.stretches
        if not stretches or stretches[-1].session is not session:
            stretches.append(Stretch(session))
        stretches[-1].events.append(event)
        if previous_at:
            self._life.silences.append(Silence(event.at - previous_at, event.at))
        self._note_slow_walk(visitor, event)
        before = self._open(visitor)
        super().on_event(visitor, session, event, previous_at, emit)
        self._note_end(visitor, event, before)
        self._note_burst(visitor, event)
        self._note_walk(visitor, event)

    def _open(self, visitor: Visitor) -> tuple[str, int] | None:
        """What the rule's open wait counts from; None where none is, or it is answered."""
        wait, kind = visitor.waits.get(self._kind.key), self._kind
        if wait is None or not isinstance(kind, WaitKind) or kind.is_answered(wait):
            return None
        return wait.event_id, wait.since_at

    def _note_end(self, visitor: Visitor, event: Event, before: tuple[str, int] | None) -> None:
        wait, kind = visitor.waits.get(self._kind.key), self._kind
        if before is not None and self._open(visitor) is None:
            self._life.ended.append(Ended(event, *before))
        elif before is None and wait is not None and wait.event_id == event.event_id:
            answers = [
                one for one in self._life.events if isinstance(kind, WaitKind) and kind.ends.holds(one)
            ]
            if answers and self._open(visitor) is None:  # the answer has the same sort key, and wins
                self._life.ended.append(Ended(answers[-1], event.event_id, event.at))

    def _note_burst(self, visitor: Visitor, event: Event) -> None:
        kind = self._kind
        if not isinstance(kind, SpanCount) or (value := kind.by.read(event)) is None:
            return
        times = visitor.rules.get(kind.key, ({},))[0].get(short(value))
        if times and times[-1] == event.at:
            near = [at for at in times if times[-1] - at <= kind.within]
            self._life.bursts.append(Burst(len(near), times[-1], near[0], value))

    def _note_slow_walk(self, visitor: Visitor, event: Event) -> None:
        """All steps, but not in time: the rule itself forgets what is too slow."""
        kind = self._kind
        if not isinstance(kind, SequenceKind) or not kind.steps[-1].holds(event):
            return
        if (value := kind.by.read(event)) is not None:
            for one in visitor.rules.get(kind.key, {}).get(short(value), ()):
                if one[_NEXT] == len(kind.steps) - 1 and event.at - one[_AT] > kind.within:
                    self._life.walks.append(Walk(len(kind.steps), one[_AT], event.at, value))

    def _note_walk(self, visitor: Visitor, event: Event) -> None:
        kind = self._kind
        if not isinstance(kind, SequenceKind) or not any(step.holds(event) for step in kind.steps):
            return
        if (value := kind.by.read(event)) is not None:
            for one in visitor.rules.get(kind.key, {}).get(short(value), ()):
                self._life.walks.append(Walk(one[_NEXT], one[_AT], event.at, value))

    def carry(self, visitor: Visitor, event: Event, session_id: str, now: int) -> None:
        """Tells the rule what the visitor did as a guest."""
        before = self._open(visitor)
        super().carry(visitor, event, session_id, now)
        self._note_end(visitor, event, before)

    def echo(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """Tells the rule what the device's user did."""
        before = self._open(visitor)
        super().echo(visitor, event, emit)
        self._note_end(visitor, event, before)
