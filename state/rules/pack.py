"""Rules at work: for each type of event a list of what looks at it, and the verbs that the engine calls.

A pack remembers nothing. What its rules remember hangs in the visitor and in the session, under name/version:
a pack can be replaced in a running job. A rule of another version begins anew; what a rule has left that is
gone is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from state.events import Event
from state.logic import NEVER
from state.rules.kinds.absence import EndAbsence, ReturnKind, WaitKind
from state.rules.kinds.base import Emit, Kind, SessionEndKind, Spans
from state.rules.kinds.cart import CartKind
from state.rules.kinds.count import count_kind
from state.rules.kinds.deviation import DeviationKind
from state.rules.kinds.dwell import DwellKind
from state.rules.kinds.funnel import FunnelKind
from state.rules.kinds.sequence import SequenceKind
from state.rules.language.loading import AnyRule
from state.rules.language.model import (
    DEFAULT_EXPIRES_MS,
    Absence,
    Count,
    Deviation,
    Dwell,
    Funnel,
    Sequence,
)
from state.visitor import Session, Visitor
from state.vocabulary import NAMES

_MEMORY_MS, _LATE_MS = Spans().memory_ms, Spans().late_ms
OnEvent = Callable[[Visitor, Session, Event, Emit], None]


class Pack:
    """The rules of a job, compiled.

    Attributes:
        kinds: the rules at work, by name/version.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        """Sorts the rules by what calls them."""
        self.kinds = {kind.key: kind for kind in kinds}
        found = list(self.kinds.values())
        self._waiting = {kind.key: kind for kind in found if isinstance(kind, WaitKind)}
        self._on_event = _by_type(found, lambda kind: kind.hears, lambda kind: kind.on_event)
        waits = list(self._waiting.values())
        self._on_late = _by_type(waits, lambda kind: kind.answers, lambda kind: kind.on_late)
        self._on_echo = _by_type(waits, lambda kind: kind.answers, lambda kind: kind.on_echo)
        self._carry = _by_type(waits, lambda kind: kind.hears, lambda kind: kind.carry)
        self._at_end = tuple(kind.on_session_end for kind in found if isinstance(kind, SessionEndKind))
        self._returns = tuple(kind for kind in found if isinstance(kind, ReturnKind))
        self._least_away = min((kind.away_ms for kind in self._returns), default=NEVER)

    @classmethod
    def compile(
        cls,
        rules: Iterable[AnyRule],
        session_gap_ms: int,
        bounded: bool = False,
        expires_ms: int = DEFAULT_EXPIRES_MS,
        memory_ms: int = _MEMORY_MS,
        late_ms: int = _LATE_MS,
    ) -> Pack:
        """The rules at work.

        Args:
            rules: as they were loaded and checked.
            session_gap_ms: when a session is over.
            bounded: the stream ends, so nothing has to be forgotten.
            expires_ms: how long signals are of use whose rule has the default.
            memory_ms: how long rules that look back for months remember.
            late_ms: so long an answer may come late and still take a signal back.
        """
        spans = Spans(session_gap_ms, expires_ms, memory_ms, late_ms, bounded)
        return cls(kind_of(rule, spans) for rule in rules)

    def on_event(
        self, visitor: Visitor, session: Session, event: Event, previous_at: int, emit: Emit
    ) -> None:
        """Takes an event; everything due before it has been settled, the counts know it.

        Args:
            visitor: whose.
            session: the one that it belongs to.
            event: the next one in order.
            previous_at: time of the visitor's event before, 0 where there is none.
            emit: takes what is found.
        """
        if previous_at and event.event_time_ms - previous_at >= self._least_away:
            for kind in self._returns:
                kind.on_return(session, event, previous_at, emit)
        for on_event in self._on_event[event.kind]:
            on_event(visitor, session, event, emit)

    def on_late(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """Takes an event that came behind the watermark: it only retracts wrong signals."""
        for on_late in self._on_late[event.kind]:
            on_late(visitor, event, emit)

    def on_session_end(self, visitor: Visitor, session: Session, emit: Emit) -> None:
        """The session is over."""
        for on_end in self._at_end:
            on_end(visitor, session, emit)

    def on_due(self, visitor: Visitor, now: int, emit: Emit) -> None:
        """Ends every wait that is due before `now`, in order of time."""
        if visitor.waits:
            self._end_waits(visitor, now, emit)
        if visitor.unanswered:
            self._forget_unanswered(visitor, now)

    def _end_waits(self, visitor: Visitor, now: int, emit: Emit) -> None:
        waits = visitor.waits
        for _, key in sorted((wait.due, key) for key, wait in waits.items() if wait.due < now):
            kind = self._waiting.get(key)
            if kind is None:
                del waits[key]  # of a rule that is gone
            else:
                kind.on_due(visitor, emit)

    def _forget_unanswered(self, visitor: Visitor, now: int) -> None:
        for key in list(visitor.unanswered):
            kind = self._waiting.get(key)
            if kind is not None:
                kind.forget_unanswered(visitor, now)

    def next_due(self, visitor: Visitor) -> int:
        """When the first wait is over, or an unanswered one may be forgotten; NEVER when there is none."""
        due = NEVER
        for wait in visitor.waits.values():
            due = min(due, wait.due)
        for key, unanswered in visitor.unanswered.items():
            if (kind := self._waiting.get(key)) is not None:
                due = min(due, kind.unanswered_until(unanswered))
        return due

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops what no rule can need any more, and what rules that are gone have left."""
        if not (visitor.rules or visitor.unanswered):
            return
        for key in {*visitor.rules, *visitor.unanswered}:
            kind = self.kinds.get(key)
            if kind is not None:
                kind.forget(visitor, now)
            else:
                visitor.rules.pop(key, None)
                visitor.unanswered.pop(key, None)

    def carry(self, visitor: Visitor, event: Event, session_id: str, now: int) -> None:
        """Hands a guest's earlier event to the user it turned out to be: to waits and carts alone.

        Args:
            visitor: the user.
            event: of the guest, in order.
            session_id: the session that it belonged to.
            now: event time; a wait that would be over by then is not begun.
        """
        for carry in self._carry[event.kind]:
            carry(visitor, event, session_id, now)

    def echo(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """Tells the device of an event of its user: it answers waits and recovers, nothing else."""
        for on_echo in self._on_echo[event.kind]:
            on_echo(visitor, event, emit)

    def release(self, visitor: Visitor) -> None:
        """Drops the device's open waits and carts silently: they are the user's now."""
        for kind in self._waiting.values():
            kind.release(visitor)


def kind_of(rule: AnyRule, spans: Spans) -> Kind:
    """The rule at work."""
    return _KINDS[type(rule)](rule, spans)


def _absence(rule: Absence, spans: Spans) -> Kind:
    if rule.within == "session":
        return EndAbsence(rule, spans)
    if rule.without is None:
        return ReturnKind(rule, spans)
    return CartKind(rule, spans) if rule.cart else WaitKind(rule, spans)


_KINDS: dict[type, Callable[[Any, Spans], Kind]] = {
    Count: count_kind,
    Absence: _absence,
    Sequence: SequenceKind,
    Dwell: DwellKind,
    Funnel: FunnelKind,
    Deviation: DeviationKind,
}


def _by_type(
    found: Iterable[Any], types: Callable[[Any], frozenset[int]], verb: Callable[[Any], Any]
) -> tuple[tuple[Any, ...], ...]:
    """For each type of event the verb of the rules that it is for."""
    kinds = list(found)
    return tuple(tuple(verb(kind) for kind in kinds if number in types(kind)) for number in range(len(NAMES)))
