"""Something happened and what should follow did not: waits, sessions without an answer, silences."""

from __future__ import annotations

from typing import Any

from state.events import Event
from state.logic import NEVER
from state.rules.kinds.base import (
    DAY_MS,
    NOTHING,
    Emit,
    Finding,
    Kept,
    Kind,
    SessionEndKind,
    Spans,
    events_of,
    sort_key_of,
)
from state.rules.kinds.money import Money, band, cents, total
from state.rules.language.filters import EVERY_KIND
from state.rules.language.model import Absence
from state.visitor import Session, Visitor, Wait

MOST_UNANSWERED = 100  # waits of a rule that may still be recovered or taken back; the oldest goes first
MOST_LATE = 20  # late answers that are remembered for waits that are not over yet


class WaitKind(Kind):
    """Waits since the last event of a filter, or since a session's first; fires without an answer in time.

    Whatever starts or answers comes closer together than the wait for as long as it goes on; when it is over,
    the last of them decides: with equal sort keys (time and sequence) it is the answer.

    Remembers of the visitor: the open wait; unanswered ones while an answer may recover or a late one
    retract them; the sort key of the last answer without a wait; late answers. Since first, in the session:
    the time of its first event.

    Attributes:
        answers: numbers of the types that may answer.
    """

    answers: frozenset[int] = NOTHING

    def __init__(self, rule: Absence, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        assert rule.without is not None and isinstance(rule.within, int)  # noqa: S101 - the rule was checked
        self.starts = rule.where.compiled(rule.currencies)
        self.ends = rule.without.compiled(rule.currencies)
        self.answers = self.ends.kinds
        self.hears = self.starts.kinds | self.answers
        self.wait_ms, self.recovered_ms = rule.within, rule.recovered_within or 0
        self.since_first = rule.since == "first"
        value = rule.value
        self.money = Money(value.price, rule.currencies, value.quantity) if value else None
        self.bands = value.bands if value else []

    # --------------------------------------------------------------------------------------- on time

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Starts the wait, goes on with it, answers it, recovers unanswered ones."""
        if self.starts.holds(event):
            if not self.since_first or self._is_first(visitor, session, event):
                self.start(visitor, session.id, event)
            if self.ends.holds(event):
                self._recover(visitor, event, emit)
        elif self.ends.holds(event):
            self.answer(visitor, event)
            self._recover(visitor, event, emit)

    def _is_first(self, visitor: Visitor, session: Session, event: Event) -> bool:
        """Whether it lies in the millisecond of the session's first one, which a guest may have begun."""
        first_at = session.rules.get(self.key)
        if first_at is None:
            first = visitor.rules.get(self.key, _UNKNOWN)["first"]
            first_at = session.rules[self.key] = first[1] if first and first[0] == session.id else event.at
        return bool(first_at == event.at)

    def start(self, visitor: Visitor, session_id: str, event: Event) -> None:
        """An event that starts a wait, or starts it again."""
        at, sort_key = event.event_time_ms, sort_key_of(event)
        since_session = session_id if self.since_first else None
        wait = visitor.waits.get(self.key)
        if wait is None:
            wait = Wait(at + self.wait_ms, at, event.event_id, since_session, 0)
            wait.kept = [sort_key, sort_key, visitor.rules.get(self.key, _UNKNOWN)["answered"], {}]
            visitor.waits[self.key] = wait
        wait.events += 1
        if sort_key >= wait.kept[_LAST]:
            self._move(wait, event, sort_key)
        if since_session is not None and wait.session_id is not None:
            wait.session_id = max(wait.session_id, since_session)
        if self.money is not None:
            self.money.add(event, wait.kept[_SUMS])

    def _move(self, wait: Wait, event: Event, sort_key: list[int]) -> None:
        """The wait counts from this event now."""
        wait.kept[_LAST], wait.since_at, wait.event_id = sort_key, event.event_time_ms, event.event_id
        wait.due = max(wait.due, event.event_time_ms + self.wait_ms)
        wait.context = event.kept_context or wait.context

    def answer(self, visitor: Visitor, event: Event) -> None:
        """An event that ends the open wait. What comes soon behind it is one story: its last word counts."""
        sort_key, wait = sort_key_of(event), visitor.waits.get(self.key)
        if wait is None:
            self.memory(visitor)["answered"] = sort_key
            return
        wait.kept[_ANSWER] = max(wait.kept[_ANSWER], sort_key)
        wait.due = max(wait.due, event.event_time_ms + self.wait_ms)

    def is_answered(self, wait: Wait) -> bool:
        """Whether the answer lies behind what the wait counts from."""
        return bool(wait.kept[_ANSWER] >= wait.kept[_FIRST if self.since_first else _LAST])

    def on_due(self, visitor: Visitor, emit: Emit) -> None:
        """The wait is over."""
        wait = visitor.waits.pop(self.key)
        if self.is_answered(wait):
            return
        wait.due = wait.since_at + self.wait_ms
        wait.amount, wait.kept = self.amount(visitor, wait), None
        emit(self.finding(wait, "active", wait.due))
        unanswered = visitor.unanswered.setdefault(self.key, [])
        unanswered.append(wait)
        del unanswered[:-MOST_UNANSWERED]
        for at, event_id in visitor.rules.get(self.key, _UNKNOWN)["late"]:
            if wait.since_at <= at <= wait.due:
                emit(self.finding(wait, "retracted", self._last_word(wait), (event_id, at)))

    def amount(self, visitor: Visitor, wait: Wait) -> float | None:
        """What is at stake."""
        return total(wait.kept[_SUMS])

    # -------------------------------------------------------------------------------- after the firing

    def _recover(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """The first answer behind a wait recovers it, if it comes soon enough; another one never does."""
        at = event.event_time_ms
        for wait in visitor.unanswered.get(self.key, ()):
            if not wait.answered and at > wait.due:
                wait.answered = True
                if at <= wait.due + self.recovered_ms:
                    emit(self.finding(wait, "recovered", at, (event.event_id, at)))

    def on_echo(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """An answer of the user that this device belongs to."""
        if self.ends.holds(event):
            self.answer(visitor, event)
            self._recover(visitor, event, emit)

    def on_late(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """An answer behind the watermark: it takes back what it would have answered in time."""
        if not self.ends.holds(event):
            return
        at, event_id = event.event_time_ms, event.event_id
        late = self.memory(visitor)["late"]
        late.append([at, event_id])
        del late[:-MOST_LATE]
        for wait in visitor.unanswered.get(self.key, ()):
            if wait.since_at <= at <= wait.due:
                emit(self.finding(wait, "retracted", self._last_word(wait), (event_id, at)))

    def _last_word(self, wait: Wait) -> int:
        """A version behind everything else that could change the signal."""
        return wait.due + self.recovered_ms + 1

    def finding(
        self, wait: Wait, status: str, version: int, answer: tuple[str, int] | None = None
    ) -> Finding:
        """What becomes of the wait."""
        rule = self.rule
        start = f"{rule.since}_{rule.start_noun}"
        evidence = {
            f"{start}_event_id": wait.event_id,
            f"{start}_at_ms": wait.since_at,
            f"{rule.start_noun}_events": wait.events,
        }
        if wait.amount is not None:
            evidence |= {"value": cents(wait.amount), "value_band": band(wait.amount, self.bands)}
        if answer is not None:
            evidence |= {f"{rule.answer_noun}_event_id": answer[0], f"{rule.answer_noun}_at_ms": answer[1]}
        return Finding(
            self.ref, wait.event_id, status, wait.due, version, wait.session_id, wait.context, evidence
        )

    # -------------------------------------------------------------------------------- from device to user

    def carry(self, visitor: Visitor, event: Event, session_id: str, now: int) -> None:
        """A guest's earlier event: it starts no wait that would be over by now."""
        if self.starts.holds(event):
            is_first = not self.since_first or self._is_first_carried(visitor, session_id, event)
            if is_first and self.is_open(visitor, event, now):
                self.start(visitor, session_id, event)
        elif self.ends.holds(event):
            self.answer(visitor, event)

    def _is_first_carried(self, visitor: Visitor, session_id: str, event: Event) -> bool:
        """The same for a guest's event that becomes part of the user's session."""
        session, memory = visitor.session, self.memory(visitor)
        if session is not None and session.id == session_id:
            return self._is_first(visitor, session, event)
        if not memory["first"] or memory["first"][0] != session_id:
            memory["first"] = [session_id, event.at]
        return bool(memory["first"][1] == event.at)

    def is_open(self, visitor: Visitor, event: Event, now: int) -> bool:
        """Whether a wait goes on, or one since the event would not be over."""
        return self.key in visitor.waits or event.at + self.wait_ms >= now

    def release(self, visitor: Visitor) -> None:
        """What the device waited for is the user's now."""
        visitor.waits.pop(self.key, None)

    # ------------------------------------------------------------------------------------------ memory

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        unanswered_ms = self.wait_ms + self.recovered_ms + self.spans.late_ms
        found = [
            Kept("the open wait", "visitor", 1, self.wait_ms),
            Kept("unanswered waits", "visitor", MOST_UNANSWERED, unanswered_ms),
            Kept("late answers", "visitor", MOST_LATE, self.wait_ms + self.spans.late_ms),
        ]
        return [*found, Kept("when its first event came", "session", 1)] if self.since_first else found

    def memory(self, visitor: Visitor) -> dict[str, Any]:
        """What is remembered beyond waits."""
        found: dict[str, Any] | None = visitor.rules.get(self.key)
        if found is None:
            found = visitor.rules[self.key] = {"answered": [], "late": [], "first": None}
        return found

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops unanswered waits that nothing can change any more, and answers that nothing can meet."""
        self.forget_unanswered(visitor, now)
        memory = visitor.rules.get(self.key)
        if memory is None:
            return
        earliest = now - self.wait_ms - self.spans.late_ms
        memory["late"] = [one for one in memory["late"] if one[0] >= earliest]
        if memory["answered"] and memory["answered"][0] < now:
            memory["answered"] = []
        if memory["first"] and memory["first"][1] < now - DAY_MS:
            memory["first"] = None
        if not any(memory.values()):
            del visitor.rules[self.key]

    def unanswered_until(self, unanswered: list[Wait]) -> int:
        """Until then the first unanswered wait may still be changed by something."""
        return NEVER if self.spans.bounded else unanswered[0].due + self.recovered_ms + self.spans.late_ms

    def forget_unanswered(self, visitor: Visitor, now: int) -> None:
        """Drops unanswered waits that nothing can change any more."""
        unanswered = visitor.unanswered.get(self.key)
        if unanswered is None or self.unanswered_until(unanswered) >= now:
            return
        kept = [wait for wait in unanswered if self.unanswered_until([wait]) >= now]
        if kept:
            visitor.unanswered[self.key] = kept
        else:
            del visitor.unanswered[self.key]


# What is kept of an open wait: sort keys of its first and last start and of its answer, the sums at stake.
_FIRST, _LAST, _ANSWER, _SUMS = range(4)
_UNKNOWN: dict[str, Any] = {"answered": [], "late": (), "first": None}


class ReturnKind(Kind):
    """Fires at the first event after a silence. Remembers nothing: a visitor's last event is known anyway."""

    def __init__(self, rule: Absence, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        assert isinstance(rule.within, int)  # noqa: S101 - the rule was checked
        self.away_ms = rule.within

    def on_return(self, session: Session, event: Event, previous_at: int, emit: Emit) -> None:
        """An event, and the visitor's one before it."""
        at, away_ms = event.event_time_ms, event.event_time_ms - previous_at
        if away_ms >= self.away_ms:
            finding = {"event_id": event.event_id, "last_seen_ms": previous_at, "away_ms": away_ms}
            emit(self.found(at, session.id, session.id, event.context_json, **finding))


class EndAbsence(SessionEndKind):
    """Looks for the answer in a session's counts by type when it is over. Remembers nothing of its own."""

    def __init__(self, rule: Absence, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        kinds = rule.where.compiled().kinds
        self.kinds = None if kinds == EVERY_KIND else kinds
        self.without = rule.without.compiled().kinds if rule.without else NOTHING
        self.name = f"{rule.start_noun}_events"

    def asked(self, visitor: Visitor, session: Session) -> dict[str, Any] | None:
        """How many events there were, where nothing answered them."""
        found = events_of(self.kinds, session)
        if not found or not self.without.isdisjoint(session.counts):
            return None
        return {self.name: found, "started_at_ms": session.started_at, "ended_at_ms": session.last_at}
