"""Two to five steps in their order, with anything between them; an event is used once."""

from __future__ import annotations

from typing import Any

from state.events import Event
from state.rules.kinds.base import Emit, Kept, Key, Kind, Spans, bounded, short
from state.rules.language.model import Sequence
from state.visitor import Session, Visitor

MOST_BEGUN = 50  # sequences of one key that have begun and not ended; the oldest goes first
MOST_BEGUN_KEYS = 200  # of which sequences have begun; the longest untouched goes first
_AT, _FIRST_ID, _NEXT = range(3)
Begun = list[Any]  # time and id of the first event, number of the step that comes next


class SequenceKind(Kind):
    """Fires at the last step.

    Remembers of the visitor, by key: each event that can be a first step, and how far it has come. Of two
    that began the earlier is never behind the later one: the first to end is the earliest still in time.
    """

    def __init__(self, rule: Sequence, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.steps = [step.compiled(rule.currencies) for step in rule.steps]
        self.hears = frozenset[int]().union(*(step.kinds for step in self.steps))
        self.by, self.within = Key(rule.key), rule.within

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        most = min(self.by.most, MOST_BEGUN_KEYS) * MOST_BEGUN
        return [
            Kept("the first event of what has begun, and how far", "visitor", most, self.within, self.by.name)
        ]

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Goes on with what has begun, or begins."""
        fits = [step.holds(event) for step in self.steps]
        if True not in fits or (value := self.by.read(event)) is None:
            return
        key = short(value)
        known = visitor.rules.setdefault(self.key, {})
        begun: list[Begun] = [one for one in known.pop(key, ()) if self._in_time(one, event.event_time_ms)]
        ended = self._advance(begun, fits)
        if ended is not None:
            emit(self._whole(event, ended, value))
            begun = []
        elif fits[0]:
            begun = [*begun[1 - MOST_BEGUN :], [event.event_time_ms, event.event_id, 1]]
        if begun:
            known[key] = begun
            bounded(known, MOST_BEGUN_KEYS)
        elif not known:
            del visitor.rules[self.key]

    def _in_time(self, begun: Begun, now: int) -> bool:
        return bool(now - begun[_AT] <= self.within)

    def _advance(self, begun: list[Begun], fits: list[bool]) -> Begun | None:
        """Moves on whatever the event fits; the first that is whole now."""
        whole = None
        for one in begun:
            if fits[one[_NEXT]]:
                one[_NEXT] += 1
                if one[_NEXT] == len(fits):
                    whole = whole or one
        return whole

    def _whole(self, event: Event, begun: Begun, value: str) -> Any:
        counted = {
            **self.by.evidence(value),
            "first_at_ms": begun[_AT],
            "first_event_id": begun[_FIRST_ID],
            "last_event_id": event.event_id,
        }
        return self.found(event.event_time_ms, begun[_FIRST_ID], None, event.context_json, **counted)

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops what can no longer come to its end in time."""
        known = visitor.rules.get(self.key)
        if known is None:
            return
        kept = {key: begun for key, begun in known.items() if self._in_time(begun[-1], now)}
        if kept:
            visitor.rules[self.key] = kept
        else:
            del visitor.rules[self.key]
