"""So many events of a filter by one visitor: in a session, within a span, or when a session is over."""

from __future__ import annotations

from typing import Any

from state.events import Event
from state.rules.kinds.base import (
    MOST_KEYS,
    Emit,
    Kept,
    Key,
    Kind,
    SessionEndKind,
    Spans,
    bounded,
    events_of,
    short,
)
from state.rules.kinds.money import MOST_CURRENCIES, Money, Sums, put, total
from state.rules.language.fields import field
from state.rules.language.filters import EVERY_KIND
from state.rules.language.model import MEASURED, Count
from state.visitor import Session, Visitor


class SessionCount(Kind):
    """Fires at the event that brings a count in a session, by key, to the threshold.

    Remembers in the session, by key: how many, and the time of the first; how many alone once it has fired.
    """

    def __init__(self, rule: Count, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.hears, self.test = rule.where.compiled(rule.currencies, rule.key)
        self.by, self.least = Key(rule.key), rule.least

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Counts."""
        if (self.test is not None and not self.test(event)) or (value := self.by.read(event)) is None:
            return
        counts = session.rules.get(self.key)
        if counts is None:
            counts = session.rules[self.key] = {}
        key = short(value)
        have = counts.get(key)
        if have is None:
            have = counts[key] = [0, event.event_time_ms]
            bounded(counts)
        have[0] += 1
        if have[0] == self.least:
            self._fire(session, event, value, have[1], emit)

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        return [Kept("how many, and when the first came", "session", self.by.most, each=self.by.name)]

    def _fire(self, session: Session, event: Event, value: str, first_at: int, emit: Emit) -> None:
        anchor = f"{session.id}/{value}" if value else session.id
        evidence = {
            **self.by.evidence(value),
            "count": self.least,
            "first_at_ms": first_at,
            "event_id": event.event_id,
        }
        emit(self.found(event.event_time_ms, anchor, session.id, event.context_json, **evidence))


class SpanCount(Kind):
    """Fires at an event with so many others, or with `exactly: 1` with none, within a span before it.

    Remembers of the visitor, by key: the times of the last events, as many as it takes; with `distinct` the
    time of each value, for as long as what looks back for months remembers. In the session: what has fired.
    """

    def __init__(self, rule: Count, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.hears, self.test = rule.where.compiled(rule.currencies, rule.key)
        self.by, self.within = Key(rule.key), int(rule.within)
        self.others = max(rule.least, 2) - 1
        self.wants_none = rule.exactly is not None
        self.once_a_session = rule.once == "session"
        self.distinct = field(rule.distinct).text_reader() if rule.distinct else None

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Looks back."""
        if (self.test is not None and not self.test(event)) or (value := self.by.read(event)) is None:
            return
        memory = visitor.rules.get(self.key)
        if memory is None:
            memory = visitor.rules[self.key] = [{}, {}]
        occurrence = self._new_value(memory[1], event)
        if occurrence is None:
            return
        at, key = event.event_time_ms, short(value)
        times = memory[0].setdefault(key, [])
        bounded(memory[0])
        times.append(at)
        recent = times[-self.others - 1 :]
        del times[: -self.others]
        near = len(recent) > self.others and at - recent[0] <= self.within
        if near != self.wants_none:
            self._hit(session, event, value, occurrence, recent, emit)

    def _new_value(self, known: dict[str, int], event: Event) -> str | None:
        """What is counted: the value of `distinct`, where there is none the event; None where it is known."""
        value = self.distinct(event) if self.distinct is not None else None
        if value is None:
            return event.event_id
        key = short(value)
        is_new = known.pop(key, None) is None
        known[key] = event.event_time_ms
        bounded(known)
        return value if is_new else None

    def _hit(
        self, session: Session, event: Event, value: str, occurrence: str, recent: list[int], emit: Emit
    ) -> None:
        anchor, session_id = occurrence, None
        if self.once_a_session:
            fired = session.rules.setdefault(self.key, {})
            if short(value) in fired:
                return
            fired[short(value)] = True
            bounded(fired)
            session_id = session.id
            anchor = f"{session.id}/{value}" if self.by.leaf else session.id
        counted = {"count": len(recent), "first_at_ms": recent[0], "event_id": event.event_id}
        evidence = {**self.by.evidence(value), **counted}
        emit(self.found(event.event_time_ms, anchor, session_id, event.context_json, **evidence))

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        times = f"when the last {self.others} came" if self.others > 1 else "when the last one came"
        found = [Kept(times, "visitor", self.by.most, self._times_ms(), self.by.name)]
        if self.rule.distinct:
            memory_ms = self.spans.memory_ms
            found.append(Kept("which there were", "visitor", MOST_KEYS, memory_ms, self.rule.distinct))
        if self.once_a_session:
            found.append(Kept("that it has fired", "session", self.by.most, each=self.by.name))
        return found

    def _times_ms(self) -> int:
        """An event alone is told of with the one before it, however long ago that was."""
        return self.spans.memory_ms if self.wants_none else self.within

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops keys whose events lie too far back to count, and values that are not needed again."""
        memory = visitor.rules.get(self.key)
        if memory is None or self.spans.bounded:
            return
        kept_ms = self._times_ms()
        memory[0] = {key: times for key, times in memory[0].items() if times[-1] + kept_ms >= now}
        memory[1] = {value: at for value, at in memory[1].items() if at + self.spans.memory_ms >= now}
        if not memory[0] and not memory[1]:
            del visitor.rules[self.key]


class EndCount(SessionEndKind):
    """Compares a count by type when a session is over. Remembers nothing of its own."""

    def __init__(self, rule: Count, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        kinds = rule.where.compiled().kinds
        self.kinds = None if kinds == EVERY_KIND else kinds
        self.least, self.exactly = rule.least, rule.exactly is not None

    def asked(self, visitor: Visitor, session: Session) -> dict[str, Any] | None:
        """The count, where it is reached."""
        count = events_of(self.kinds, session)
        if count != self.least if self.exactly else count < self.least:
            return None
        return {"count": count, "started_at_ms": session.started_at, "ended_at_ms": session.last_at}


class EndSum(SessionEndKind):
    """Compares a sum of money when a session is over; each order counts once.

    Remembers in the session: the sum of each currency, and which orders are in it.
    """

    def __init__(self, rule: Count, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.name, self.least = str(rule.sum_), rule.least
        self.hears, self.test = rule.where.compiled(rule.currencies)
        is_revenue = rule.sum_ == "revenue"
        quantity = None if is_revenue else "product.quantity"
        self.money = Money(MEASURED[self.name], rule.currencies, quantity)
        self.order_of = field("order.order_id").text_reader() if is_revenue else None

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Adds up."""
        if self.test is not None and not self.test(event):
            return
        amount = self.money.amount(event)
        if amount is None:
            return
        sums, orders = session.rules.setdefault(self.key, [{}, {}])
        order = self.order_of(event) if self.order_of is not None else None
        if order is not None:
            if short(order) in orders:
                return
            orders[short(order)] = True
            bounded(orders)
        put(sums, self.money.currency(event), amount)

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        currency = "order.currency" if self.order_of is not None else "product.currency"
        orders = [Kept("that it is in the sum", "session", MOST_KEYS, each="order.order_id")]
        found = [Kept("the sum", "session", MOST_CURRENCIES, each=currency)]
        return [*found, *(orders if self.order_of is not None else [])]

    def asked(self, visitor: Visitor, session: Session) -> dict[str, Any] | None:
        """The sum, where it is reached."""
        sums: Sums = session.rules.get(self.key, ({},))[0]
        amount = total(sums)
        if amount is None or amount < self.least:
            return None
        return {self.name: amount, "started_at_ms": session.started_at, "ended_at_ms": session.last_at}


def count_kind(rule: Count, spans: Spans) -> Kind:
    """The rule at work."""
    if rule.at == "session_end":
        return EndSum(rule, spans) if rule.sum_ else EndCount(rule, spans)
    return SessionCount(rule, spans) if rule.within == "session" else SpanCount(rule, spans)
