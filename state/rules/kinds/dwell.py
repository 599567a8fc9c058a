"""In one session so much time from the first event of a filter to a later one of it."""

from __future__ import annotations

from state.events import Event
from state.rules.kinds.base import Emit, Kept, Key, Kind, Spans, bounded, short
from state.rules.language.model import Dwell
from state.visitor import Session, Visitor

_FIRED = -1


class DwellKind(Kind):
    """Fires at the first event that is far enough from the first of its session and key.

    Remembers in the session, by key: the time of the first event and how many came; that it has fired.
    """

    def __init__(self, rule: Dwell, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.hears, self.test = rule.where.compiled(rule.currencies, rule.key)
        self.by, self.least_ms = Key(rule.key), rule.at_least

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        return [Kept("when the first came, and how many", "session", self.by.most, each=self.by.name)]

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Measures."""
        if (self.test is not None and not self.test(event)) or (value := self.by.read(event)) is None:
            return
        at, known = event.event_time_ms, session.rules.setdefault(self.key, {})
        since = known.setdefault(short(value), [at, 0])
        bounded(known)
        if since[1] == _FIRED:
            return
        since[1] += 1
        if at - since[0] >= self.least_ms:
            counted = {"count": since[1], "first_at_ms": since[0], "event_id": event.event_id}
            since[1] = _FIRED
            anchor = f"{session.id}/{value}" if value else session.id
            emit(self.found(at, anchor, session.id, event.context_json, **self.by.evidence(value), **counted))
