"""In which segments a visitor is. Rises come with the event, falls on time, at their due millisecond.

Segments remember nothing of their own: what they need hangs in the visitor, and they can be replaced in a
running job. Then each visitor is looked at anew, as of the last event, before anything else happens to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from zlib import crc32

from state.events import Event
from state.logic import NEVER
from state.segments.definition import MOST_STARTS, Definition, Facts
from state.visitor import Membership, Session, Stay, Visitor
from state.vocabulary import PURCHASE


class Move(NamedTuple):
    """A visitor leaves a segment and comes into another; either may be empty.

    Attributes:
        definition: whose segments.
        left, since: the segment before, and since when.
        entered: the segment from now on.
        at: event time of the move.
        facts: the measures at that time.
        undone_at: 0; else the move was never true: a late event of that time shows it.
    """

    definition: Definition
    left: str
    since: int
    entered: str
    at: int
    facts: Facts
    undone_at: int = 0


Moved = Callable[[Move], None]


class Segments:
    """The definitions of a job.

    Attributes:
        edition: tells them from all others.
        valid_until: event time up to which their cut-offs are valid.
    """

    def __init__(self, definitions: Iterable[Definition]) -> None:
        """Takes definitions, one of a kind."""
        self._definitions = tuple(definitions)
        texts = [f"{one.name}/{one.version}/{one.cutoffs}" for one in self._definitions]
        self.edition = crc32(" ".join(texts).encode()) or 1
        self.valid_until = min((one.valid_until for one in self._definitions), default=NEVER)
        self._least_ms = min((one.least_ms for one in self._definitions), default=NEVER)

    def described(self, visitor: Visitor, at: int) -> dict[str, Any]:
        """Where the visitor is, as documents have it: connectors.contracts.segments."""
        found: dict[str, Any] = {}
        known = visitor.segments
        for definition in self._definitions if known is not None else ():
            stay = known.stays.get(definition.kind) if known is not None else None
            if stay is not None and stay.segment:
                name = "segment" if definition.is_signal else definition.kind
                found |= {name: stay.segment, f"{name}_since_ms": stay.since}
                if definition.cutoffs is not None:
                    found["cutoffs_date"] = definition.cutoffs.date
                    found["cutoffs_stale"] = at > definition.valid_until
        return found

    def on_event(
        self, visitor: Visitor, session: Session, event: Event, previous_at: int, moved: Moved
    ) -> None:
        """Only an event that begins a session, is a purchase, or ends a long silence can change anything."""
        if not self._definitions:
            return
        at, known = event.event_time_ms, visitor.segments
        begins = session.events == 1 and session.part == 0
        if known is None:
            known = visitor.segments = Membership()
        elif not begins and event.kind != PURCHASE and at - previous_at < self._least_ms:
            return
        if begins:
            known.starts.append(at)
            del known.starts[:-MOST_STARTS]
        self._look(visitor, known, at, moved, by_time=False)

    def on_late(self, visitor: Visitor, at: int, moved: Moved) -> None:
        """An event behind the watermark: it shows that the visitor was there, and counts for nothing else.

        The last fall is undone if it would not have been one; one that comes behind it is a return.
        """
        known = visitor.segments
        if known is None or at <= max(visitor.last_at, known.late_at):
            return
        known.late_at, due = at, NEVER
        for definition in self._definitions:
            stay = known.stays.get(definition.kind)
            if stay is not None and stay.since > at and stay.before:
                self._undo(visitor, known, definition, stay, moved)
            stay = known.stays.get(definition.kind)
            looked_at = at if stay is None else max(at, stay.since)
            due = min(due, self._look_by(definition, visitor, known, looked_at, moved, by_time=False))
        known.due = due

    def _undo(
        self, visitor: Visitor, known: Membership, definition: Definition, stay: Stay, moved: Moved
    ) -> None:
        facts = Facts(visitor, known, definition.decay_ms)
        if definition.at(facts, stay.before, stay.before_since, stay.since) != stay.segment:
            known.stays[definition.kind] = Stay(stay.before, stay.before_since)
            known.changed_at = stay.since + 1
            moved(
                Move(
                    definition, stay.before, stay.before_since, stay.segment, stay.since, facts, known.late_at
                )
            )

    def renew(self, visitor: Visitor, now: int, moved: Moved) -> None:
        """Looks at a visitor that was looked at by others: as of the last event, then as time went on."""
        known = visitor.segments
        if known is None or known.edition == self.edition:
            return
        kinds = {one.kind for one in self._definitions}
        known.stays = {kind: _without_fall(stay) for kind, stay in known.stays.items() if kind in kinds}
        known.due = max([visitor.last_at, *(stay.since for stay in known.stays.values())])
        known.edition = self.edition
        self.settle(visitor, now, moved)

    def settle(self, visitor: Visitor, now: int, moved: Moved) -> None:
        """Everything that time alone has brought about before `now`, in order."""
        known = visitor.segments
        while known is not None and known.due < now:
            self._look(visitor, known, known.due, moved, by_time=True)

    def _look(self, visitor: Visitor, known: Membership, at: int, moved: Moved, *, by_time: bool) -> None:
        """Where the visitor is at a time, and when time alone may change that."""
        due = NEVER
        for definition in self._definitions:
            due = min(due, self._look_by(definition, visitor, known, at, moved, by_time=by_time))
        known.due, known.edition = due, self.edition

    def _look_by(
        self,
        definition: Definition,
        visitor: Visitor,
        known: Membership,
        at: int,
        moved: Moved,
        *,
        by_time: bool,
    ) -> int:
        facts, kind = Facts(visitor, known, definition.decay_ms), definition.kind
        stay = known.stays.get(kind)
        segment, since = (stay.segment, stay.since) if stay is not None else ("", at)
        found = definition.at(facts, segment, since, at)
        if found != segment:
            known.stays[kind] = Stay(found, at, segment, since) if by_time else Stay(found, at)
            known.changed_at = at
            moved(Move(definition, segment, since, found, at, facts))
            segment, since = found, at
        return definition.next_change(facts, segment, since, at)


def _without_fall(stay: Stay) -> Stay:
    """The stay before, where time alone ended it: by other segments it may not have ended."""
    return Stay(stay.before, stay.before_since) if stay.before else stay
