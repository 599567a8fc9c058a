"""VISITORS: admission, sessions, features, rules, models, documents; a visitor at a time.

An event's way: `take` → the gate (admission.py) → its session (sessions.py) → the sums (features.py) → the
rules (state/rules/) → the models (models.py). What time brings about is in `settle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from state.codec import Codec
from state.devices.identity import ERASED, GRANTED, consent_status, device_of, other_device
from state.devices.judged import ADMITTED, CARRIED, ECHO, ORDINARY, RELEASED, Judged, order_of, unpack_judged
from state.documents import NOWHERE
from state.events import Event, read_event
from state.logic import NEVER, Logic, Out, SourcePosition
from state.options import Options
from state.rules.kinds.base import Emit
from state.segments.membership import Segments
from state.visitor import Session, Visitor
from state.visitors import sessions
from state.visitors.admission import Gate, may_be_shared
from state.visitors.documents import session_document
from state.visitors.features import add_event
from state.visitors.models import Models
from state.visitors.rules import Rules
from state.visitors.scoring import Scorer, is_moment
from state.visitors.segments import Memberships
from state.visitors.signals import Signals
from state.vocabulary import CONSENT

CODEC = Codec(Visitor, version=1)
NO_SEGMENTS = Segments([])


class VisitorsLogic(Logic[Visitor, Judged]):
    """Takes the events of visitors.

    Args:
        options: spans, caps, switches, and which documents are wanted.
        pack: the rules.
        scorer: the models; None scores no visitor.
        now_ms: the wall clock, epoch milliseconds.
        segments: what a visitor may be in.
    """

    codec = CODEC

    def __init__(
        self,
        options: Options,
        pack: Rules,
        scorer: Scorer | None,
        now_ms: Callable[[], int],
        segments: Segments = NO_SEGMENTS,
    ) -> None:
        self.options, self.pack = options, pack
        signals = self._signals = Signals(options, now_ms)
        self._gate, self._models = Gate(options, signals), Models(options, scorer, signals, self._described)
        self._memberships = Memberships(options, segments, signals, self._models.changed)

    @property
    def segments(self) -> Segments:
        """What a visitor may be in; others may take their place at any time."""
        return self._memberships.segments

    @segments.setter
    def segments(self, segments: Segments) -> None:
        self._memberships.segments = segments

    def _described(self, visitor: Visitor, at: int) -> dict[str, Any]:
        return self.segments.described(visitor, at)

    # ----------------------------------------------------------------------------------------- items

    def items(
        self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[Judged]:
        """What DEVICES judged; or valid events, where VISITORS reads their topic."""
        if not values or not values[0].startswith(b"{"):
            return unpack_judged(values)
        events = [event for event in map(read_event, values) if isinstance(event, Event)]
        return [
            Judged(event.visitor_id, device_of(event), event.at, event, NOWHERE, ADMITTED) for event in events
        ]

    def order(self, item: Judged) -> tuple[int, int, str]:
        """By time, sequence and id."""
        return order_of(item.event) if item.cause is None else item.cause

    def entity_id(self, item: Judged) -> str:
        """The canonical visitor."""
        return item.visitor_id

    def new(self, entity_id: str) -> Visitor:
        """A visitor that was not seen before."""
        return Visitor(entity_id)

    # --------------------------------------------------------------------------------------- an event

    def take(self, entity: Visitor, item: Judged, out: Out) -> None:
        """Takes an event, or one shared by another visitor that is the same person."""
        if item.role == ADMITTED or (
            item.role == ORDINARY and self._gate.passes(entity.admission, item, out)
        ):
            self._take_event(entity, item.event, out)
        elif item.role == ORDINARY:
            self._refused(entity, item, out)
        else:
            self._take_shared(entity, item, out)

    def _refused(self, visitor: Visitor, item: Judged, out: Out) -> None:
        """The gate has held an event back; for want of consent, then nobody is in a segment."""
        if consent_status(item.event) == ERASED:
            self._memberships.erase(visitor, item.at, out)
            _erase(visitor)
        elif not may_be_shared(visitor.admission, item):
            self._memberships.withdraw(visitor, item.at, out)

    def _take_event(self, visitor: Visitor, event: Event, out: Out) -> None:
        at, previous_at = event.event_time_ms, visitor.last_at
        self._memberships.before_event(visitor, at, out)
        session = self._session_of(visitor, event, out)
        add_event(visitor, session, event)
        session.last_at = visitor.last_at = at
        visitor.last_event_id, visitor.last_event_type = event.event_id, event.event_type
        visitor.context, visitor.device = event.kept_context, other_device(visitor.id, device_of(event))
        emit = self._emit(visitor, out)
        self.pack.on_event(visitor, session, event, previous_at, emit)
        if event.kind == CONSENT and consent_status(event) not in (None, GRANTED):
            self._memberships.withdraw(visitor, at, out)
        else:
            self._memberships.on_event(visitor, session, event, previous_at, out)
        if is_moment(session, event.kind, self.options):
            self._models.on_moment(visitor, session, self.slice_end, out)
        self._models.changed(visitor, at)

    def _session_of(self, visitor: Visitor, event: Event, out: Out) -> Session:
        """The session that the event belongs to; the open one is closed by force where need be."""
        session = visitor.session
        if session is not None:
            if sessions.goes_on(visitor, event.event_time_ms, self.options):
                return session
            self._end_session(visitor, session, self.slice_end, out)
        return sessions.begin(visitor, event, self.options)

    def _end_session(self, visitor: Visitor, session: Session, asked_in: int, out: Out) -> None:
        if "session" in self.options.emits:
            reason = sessions.close_reason(session, self.options)
            document = session_document(visitor.id, session, reason)
            out.add("session", visitor.id, session.id, session.last_at, document)
        self.pack.on_session_end(visitor, session, self._emit(visitor, out))
        closed_at = session.last_at + self.options.session_gap_ms
        self._models.on_session_end(visitor, session, closed_at, asked_in, out)
        self.pack.forget(visitor, session.last_at)

    def _emit(self, visitor: Visitor, out: Out) -> Emit:
        """Takes what rules find of the visitor."""
        return self._signals.of(visitor.id, visitor.device, out).emit

    def _take_shared(self, visitor: Visitor, item: Judged, out: Out) -> None:
        """What the same person did under another name; it has no part in sessions and features."""
        if not may_be_shared(visitor.admission, item):
            return
        if item.role == CARRIED:
            session_id = sessions.upcoming_id(visitor, item.at, self.options)
            self.pack.carry(visitor, item.event, session_id, item.at)
        elif item.role == RELEASED:
            self.pack.release(visitor)
        elif item.role == ECHO:
            self.pack.echo(visitor, item.event, self._emit(visitor, out))

    def take_late(self, entity: Visitor, item: Judged, out: Out) -> None:
        """What came behind the watermark retracts wrong signals."""
        if may_be_shared(entity.admission, item):
            self.pack.on_late(entity, item.event, self._emit(entity, out))
            if item.role in (ORDINARY, ADMITTED):
                self._memberships.on_late(entity, item.at, out)

    # --------------------------------------------------------------------------------------- time

    def settle(self, entity: Visitor, now: int, out: Out) -> None:
        """Everything that time brings about before `now`, in order of time."""
        while (due := self._falls_at(entity)) < now:
            self._settle_others(entity, due, out)
            self._memberships.settle(entity, due + 1, out)
        self._settle_others(entity, now, out)

    def _settle_others(self, entity: Visitor, now: int, out: Out) -> None:
        """Waits that are over, the session's end, the document, answers of models; in order of time."""
        asked_in, closes_at = self.slice_end or now, sessions.closes_at(entity, self.options)
        if self._rules_due(entity) < now:
            self.pack.on_due(entity, now, self._emit(entity, out))
        if 0 < entity.document_due < min(closes_at, now):
            self._models.document(entity, asked_in, out)
        if closes_at < now and entity.session is not None:
            self._end_session(entity, entity.session, asked_in, out)
            entity.session = None
        if 0 < entity.document_due < now:
            self._models.document(entity, asked_in, out)
        if entity.asked:
            self._models.answer(entity, self.slice_end, out)

    def next_due(self, entity: Visitor) -> int:
        """The earliest of all that may be due."""
        falls_at = self._falls_at(entity)
        session, due = entity.session, min(self._rules_due(entity), falls_at)
        if session is not None:
            due = min(due, session.last_at + self.options.session_gap_ms)
        elif falls_at == NEVER:  # what is due yet is not forgotten
            due = min(due, self._forgotten_at(entity))
        if entity.document_due:
            due = min(due, entity.document_due)
        return min(due, entity.asked[0].asked_in - 1) if entity.asked else due

    def is_over(self, entity: Visitor, now: int) -> bool:
        """Whether the visitor has been silent for so long and nothing is pending."""
        return (
            entity.session is None
            and not entity.document_due
            and not entity.asked
            and self._falls_at(entity) == NEVER
            and self._forgotten_at(entity) < now
        )

    def _falls_at(self, visitor: Visitor) -> int:
        """When time alone may move the visitor out of a segment; not behind the end of what is read."""
        due = NEVER if visitor.segments is None else visitor.segments.due
        return due if not 0 < self.options.read_until_ms < due else NEVER

    def _rules_due(self, visitor: Visitor) -> int:
        return self.pack.next_due(visitor) if visitor.waits or visitor.unanswered else NEVER

    def _forgotten_at(self, visitor: Visitor) -> int:
        silent_since = max(visitor.last_at, visitor.admission.last_at)
        return silent_since + self.options.memory_ms(visitor.purchases > 0)


def _erase(visitor: Visitor) -> None:
    """Nothing stays but the order to erase."""
    blank = Visitor(visitor.id, admission=visitor.admission)
    for name in blank.__struct_fields__:
        setattr(visitor, name, getattr(blank, name))
