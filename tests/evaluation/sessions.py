"""What a session's end answers, over a history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from state.rules.language.model import Absence, Count, Deviation, Funnel
from tests.evaluation.documents import number, text
from tests.evaluation.histories import Event, History, Session
from tests.evaluation.occurrences import Occurrence, passing

VIEWS = ("product_view", "product_list_view", "page_view")


def at_end(rule: Any, history: History) -> Iterator[Occurrence]:
    """Sessions that fulfil the rule, each from when it is over."""
    for session in history.sessions:
        evidence = closed_session(rule, session)
        if evidence is not None:
            over_ms = session.ended_at_ms + history.spans.gap_ms
            yield Occurrence(session.session_id, over_ms, evidence, session.session_id)


def closed_session(rule: Any, session: Session) -> dict[str, Any] | None:
    """The evidence when a session that is over fulfils the rule; None when it does not."""
    around = {"started_at_ms": session.started_at_ms, "ended_at_ms": session.ended_at_ms}
    if isinstance(rule, Funnel):
        return _furthest(rule, session)
    found = len(passing(rule.where, session.events))
    if isinstance(rule, Absence):
        missed = found and not passing(rule.without, session.events)
        return {f"{rule.start_noun}_events": found, **around} if missed else None
    if rule.sum_:
        total = session_sum(rule, session)
        return {rule.sum_: total, **around} if total is not None and total >= rule.least else None
    fulfilled = found == rule.least if rule.exactly is not None else found >= rule.least
    return {"count": found, **around} if fulfilled else None


def session_sum(rule: Count, session: Session) -> float | None:
    """What a rule with `sum` adds up; None without any number."""
    sums: dict[str, float] = {}
    orders: set[str] = set()
    for event in passing(rule.where, session.events):
        amount, currency, order = _summand(rule.sum_, event), _currency(rule, event), _order(rule, event)
        if amount is None or (currency and rule.currencies and currency not in rule.currencies):
            continue
        if order is None or order not in orders:
            sums[currency] = sums.get(currency, 0.0) + amount
        orders |= {order} if order is not None else set()
    without = sums.get("", 0.0) if len(sums) > 1 else 0.0
    return max((found + without for name, found in sums.items() if name or len(sums) == 1), default=None)


def _currency(rule: Count, event: Event) -> str:
    block = "order" if rule.sum_ == "revenue" else "product"
    return (text(f"{block}.currency", event) or "").upper()


def _order(rule: Count, event: Event) -> str | None:
    return text("order.order_id", event) if rule.sum_ == "revenue" else None


def _summand(measure: str | None, event: Event) -> float | None:
    if measure == "revenue":
        return number("order.revenue", event) if event["event_type"] == "purchase" else None
    price = number("product.price", event)
    if event["event_type"] != "add_to_cart" or price is None:
        return None
    quantity = number("product.quantity", event)
    return price * (1.0 if quantity is None else quantity)


def _furthest(rule: Funnel, session: Session) -> dict[str, Any] | None:
    reached = [number for number, step in enumerate(rule.steps) if passing(step.where, session.events)]
    if not reached:
        return None
    last, names = reached[-1], [step.name for step in rule.steps]
    evidence = {"step": last + 1, "reached": names[last], "steps": len(names)}
    return evidence | ({"dropped_before": names[last + 1]} if last + 1 < len(names) else {})


def beginnings(history: History) -> list[tuple[str, Session]]:
    """The first category viewed in each session that has one."""
    found = []
    category = "product.category"
    for session in history.sessions:
        viewed = [event for event in session.events if event["event_type"] in VIEWS and text(category, event)]
        if viewed:
            found.append((str(text(category, viewed[0])), session))
    return found


def deviations(rule: Deviation, history: History) -> Iterator[Occurrence]:
    """Sessions that do not agree with those before them."""
    began = beginnings(history)
    for index, (value, session) in enumerate(began):
        last = began[max(0, index + 1 - rule.sessions) : index + 1]
        since_ms, different = last[0][1].started_at_ms, len({evidence for evidence, _ in last})
        near = session.started_at_ms - since_ms <= rule.within
        if len(last) == rule.sessions and different >= rule.distinct and near:
            over_ms = session.ended_at_ms + history.spans.gap_ms
            evidence = {
                "sessions": len(last),
                "different": different,
                "since_ms": since_ms,
                "category": value,
            }
            yield Occurrence(session.session_id, over_ms, evidence, session.session_id)
