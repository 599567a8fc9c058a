"""What VISITORS says of segments: signals of a visitor's moves, and the record of where the visitor is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from connectors.contracts.segments import ENTERED, LEFT
from connectors.contracts.signals import signal_id
from state.events import Event
from state.logic import Out
from state.options import Options
from state.rules.kinds.base import Finding, RuleRef
from state.segments.definition import RECENCY
from state.segments.membership import Move, Segments
from state.visitor import Session, Visitor
from state.visitors.signals import Signals


class Memberships:
    """Segments at work in VISITORS.

    Attributes:
        segments: the definitions; others may take their place.
    """

    def __init__(
        self,
        options: Options,
        segments: Segments,
        signals: Signals,
        changed: Callable[[Visitor, int], None],
    ) -> None:
        """Takes definitions.

        Args:
            options: which documents are wanted.
            segments: the definitions.
            signals: makes signals of moves.
            changed: is told of a visitor whose document has to change, and when.
        """
        self.segments, self._signals, self._changed = segments, signals, changed
        self._is_recorded = "segment" in options.emits
        self._visitor, self._out = Visitor(""), Out()

    def before_event(self, visitor: Visitor, now: int, out: Out) -> None:
        """Takes up edited segments before an event changes what they go by."""
        known = visitor.segments
        if known is not None and known.edition != self.segments.edition:
            self._visitor, self._out = visitor, out
            self.segments.renew(visitor, now, self._moved)

    def on_event(self, visitor: Visitor, session: Session, event: Event, previous_at: int, out: Out) -> None:
        """An event that is counted."""
        self._visitor, self._out = visitor, out
        self.segments.on_event(visitor, session, event, previous_at, self._moved)

    def on_late(self, visitor: Visitor, at: int, out: Out) -> None:
        """An event behind the watermark."""
        self._visitor, self._out = visitor, out
        self.segments.on_late(visitor, at, self._moved)

    def settle(self, visitor: Visitor, now: int, out: Out) -> None:
        """What time alone has brought about before `now`."""
        self._visitor, self._out = visitor, out
        self.segments.renew(visitor, now, self._moved)
        self.segments.settle(visitor, now, self._moved)

    def withdraw(self, visitor: Visitor, at: int, out: Out) -> None:
        """Consent is denied: the visitor is in no segment any more, and no signal says so."""
        if visitor.segments is None:
            return
        visitor.segments = None
        self._changed(visitor, at)
        if self._is_recorded:
            record = orjson.dumps({"visitor_id": visitor.id, "version": at})
            out.add("segment", visitor.id, visitor.id, at, record)

    def erase(self, visitor: Visitor, at: int, out: Out) -> None:
        """All of a visitor is to be forgotten: the record is deleted."""
        if self._is_recorded:
            out.add("segment", visitor.id, visitor.id, at, b"")

    def _moved(self, move: Move) -> None:
        visitor, version = self._visitor, move.at + (1 if move.undone_at else 0)
        if move.definition.is_signal:
            self._say(visitor, move, version)
        if self._is_recorded:
            described = self.segments.described(visitor, version)
            record = orjson.dumps({"visitor_id": visitor.id, **described, "version": version})
            self._out.add("segment", visitor.id, visitor.id, version, record)
        self._changed(visitor, move.at)

    def _say(self, visitor: Visitor, move: Move, version: int) -> None:
        """Signals of a move: one of the segment that the visitor leaves, one of that into which it comes."""
        rule, emit = move.definition, self._signals.of(visitor.id, visitor.device, self._out).emit
        why, status = _why(move), "retracted" if move.undone_at else "active"

        def say(kind: str, anchor: str, said: dict[str, Any]) -> None:
            ref = RuleRef(rule.name, rule.version, kind, rule.expires_ms)
            emit(Finding(ref, anchor, status, move.at, version, None, visitor.context, {**said, **why}))

        if move.left:
            stay = f"{move.left} {move.since}"
            entered = signal_id(ENTERED, rule.name, visitor.id, stay)
            said = {"segment": move.left, "since_ms": move.since, "entered_signal_id": entered}
            say(LEFT, stay, said | ({"next": move.entered} if move.entered else {}))
        if move.entered:
            before = {"before": move.left} if move.left else {}
            say(ENTERED, f"{move.entered} {move.at}", {"segment": move.entered, **before})


def _why(move: Move) -> dict[str, Any]:
    """The measures at the time of the move."""
    facts, at = move.facts, move.at
    sessions, purchases, _ = facts.constants
    why = {
        "frequency": round(facts.frequency(at), 3),
        "recency_ms": facts.value(RECENCY, at),
        "sessions": sessions,
        "purchases": purchases,
    }
    return why | ({"late_event_at_ms": move.undone_at} if move.undone_at else {})
