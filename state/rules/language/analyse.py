"""What a rule means as a whole: what can never fire, grows for ever or contradicts itself is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from connectors.contracts.vocabulary import CUSTOM_PREFIX
from state.rules.language.fields import MONEY, field
from state.rules.language.filters import FieldPath, Where
from state.rules.language.model import (
    MOST_EVENTS,
    Absence,
    Count,
    Deviation,
    Dwell,
    Funnel,
    Sequence,
    fields_exist,
)
from state.rules.language.spans import text_of

DAY_MS = 86_400_000
LONGEST_MS = 400 * DAY_MS
LONGEST_WAIT_MS = 30 * DAY_MS  # of windows and sequences, which keep rows and not only numbers
LONGEST_SESSION_MS = DAY_MS
MOST_IN_SPAN = 50  # rows that are kept for each key while they are counted within a span
Problem = tuple[str, str]  # field of the rule, what is wrong and what to do

_NEVER = "no event can fulfil this filter, so the rule can never fire; correct its conditions"
# Fields that differ with every event: a key of them keeps state for each event and never counts to two.
_ENDLESS_KEYS = ("context.url", "order.order_id")


def problems(rule: Any) -> list[tuple[FieldPath, str]]:
    """Everything that is wrong with a rule, beyond what its keys alone tell: where, and what to do."""
    found = [(_field_path(name), text) for name, text in fields_exist(rule)]
    for name, where in rule.filters().items():
        found += where.problems(_field_path(name))
    if found:
        return found
    for name, where in rule.filters().items():
        if not where.can_hold():
            found.append((_field_path(name), _NEVER))
    if rule.currency is not None and not rule.money():
        found.append((("currency",), f"the rule looks at none of {', '.join(MONEY)}; remove it"))
    return found + [(_field_path(name), text) for name, text in _CHECKS[type(rule)](rule)]


def _field_path(dotted: str) -> FieldPath:
    return tuple(int(part) if part.isdigit() else part for part in dotted.split("."))


def _count(rule: Count) -> Iterator[Problem]:
    yield from _endless("key", rule.key)
    if rule.key and rule.key == rule.distinct:
        yield "distinct", "equal to key: each value would count once and never reach more; use another field"
    if isinstance(rule.within, int):
        yield from _count_in_span(rule, rule.within)
    elif rule.at == "session_end":
        yield from _count_at_end(rule)
    else:
        yield from _count_in_session(rule)


def _count_in_session(rule: Count) -> Iterator[Problem]:
    if rule.least > MOST_EVENTS:
        yield (
            "within",
            f"a session ends after {MOST_EVENTS} events, so {rule.least} can never be reached; ask for fewer",
        )
    if rule.exactly is not None:
        yield "exactly", "only known when the session is over; add `at: session_end`, or use at_least"
    if rule.sum_:
        yield "sum", "only known when the session is over; add `at: session_end`"
    if rule.distinct:
        yield "distinct", "counts within a span only; give `within` a span of time, or use key"


def _count_at_end(rule: Count) -> Iterator[Problem]:
    if rule.key or rule.distinct:
        yield (
            ("key" if rule.key else "distinct"),
            "a session's end knows no single values; remove it, or `at`",
        )
    if not rule.sum_:
        yield from _types_only("where", rule.where)
    elif rule.where.event_types() != frozenset(("purchase" if rule.sum_ == "revenue" else "add_to_cart",)):
        wanted = "purchase" if rule.sum_ == "revenue" else "add_to_cart"
        yield (
            "where",
            f"{rule.sum_} is the sum over events of type {wanted}; write where: {{event_type: {wanted}}}",
        )


def _count_in_span(rule: Count, within_ms: int) -> Iterator[Problem]:
    yield from _bounded("within", within_ms, LONGEST_MS)
    if rule.at == "session_end" or rule.sum_:
        yield ("sum" if rule.sum_ else "at"), "needs `within: session`"
    if rule.least > MOST_IN_SPAN:
        yield (
            "at_least",
            f"keeps so many events for each visitor; at most {MOST_IN_SPAN} within a span of time",
        )
    if rule.exactly not in (None, 1):
        yield "exactly", "within a span only 1 is known at the event itself (none before it); use at_least"
    if rule.exactly is None and rule.least < 2:
        yield (
            "at_least",
            "one event is always within the span; ask for 2 or more, or `exactly: 1` for the first",
        )


def _absence(rule: Absence) -> Iterator[Problem]:
    if rule.cart:
        yield from _cart(rule)
    if rule.without is None:
        yield from _return(rule)
        return
    if _covers(rule.without, rule.where):
        yield (
            "without",
            "every event that starts the wait also ends it, so the rule can never fire; narrow `without`",
        )
    if rule.within == "session":
        yield from _absence_in_session(rule, rule.without)
        return
    yield from _bounded("within", rule.within, LONGEST_WAIT_MS)
    if rule.recovered_within:
        yield from _bounded("recovered_within", rule.recovered_within, LONGEST_WAIT_MS)
    if rule.since == "first" and rule.value:
        yield "value", "is the sum over the events since the last purchase or the like; needs `since: last`"
    if rule.since == "first" and rule.within > LONGEST_SESSION_MS:
        yield (
            "within",
            f"since the first event at most {text_of(LONGEST_SESSION_MS)}, a session's longest time",
        )


def _cart(rule: Absence) -> Iterator[Problem]:
    """The types are those of carts; what an event puts in is told by its product alone."""
    wanted = {"where": "add_to_cart", "without": "purchase"}
    for name, event_type in wanted.items():
        where = getattr(rule, name)
        if where is None or not where.only_types() or where.event_types() != frozenset((event_type,)):
            yield name, f"with `cart: true` it must be {{event_type: {event_type}}}"
    if rule.within == "session" or rule.since == "first":
        yield "cart", "needs `within` a span of time and `since: last`; each add_to_cart waits anew"
    given = rule.field_names()
    for name, wanted_field in (("value.price", "product.price"), ("value.quantity", "product.quantity")):
        if rule.value and given.get(name) != wanted_field:
            yield name, f"with `cart: true` it must be {wanted_field}: what is left is counted by product"


def _absence_in_session(rule: Absence, without: Where) -> Iterator[Problem]:
    yield from _types_only("where", rule.where)
    yield from _types_only("without", without)
    for name in ("recovered_within", "value"):
        if getattr(rule, name) is not None:
            yield name, "needs `within` a span of time; a session's end keeps no single events"


def _return(rule: Absence) -> Iterator[Problem]:
    if rule.within == "session":
        yield "without", "required: what should have followed. Only a silence of some time needs none"
    elif rule.recovered_within or rule.value or rule.since == "first":
        yield "without", "required with recovered_within, value and since: first"
    elif rule.where.field_names() != {"event_type"} or rule.where.event_types() is not None:
        yield "where", "a silence is one of all events; write {event_type: {exists: true}}"
    else:
        yield from _bounded("within", rule.within, LONGEST_WAIT_MS)


def _sequence(rule: Sequence) -> Iterator[Problem]:
    yield from _bounded("within", rule.within, LONGEST_WAIT_MS)
    yield from _endless("key", rule.key)


def _dwell(rule: Dwell) -> Iterator[Problem]:
    yield from _endless("key", rule.key)
    if rule.at_least >= LONGEST_SESSION_MS:
        yield (
            "at_least",
            f"a session ends after {text_of(LONGEST_SESSION_MS)}, so this can never be reached; ask for less",
        )


def _funnel(rule: Funnel) -> Iterator[Problem]:
    names = [step.name for step in rule.steps]
    if len(set(names)) < len(names):
        yield "steps", f"two steps have one name; got {', '.join(names)}"
    seen: set[str] = set()
    for number, step in enumerate(rule.steps):
        yield from _types_only(f"steps.{number}.where", step.where)
        types = step.where.event_types() or frozenset()
        if types & seen:
            yield (
                f"steps.{number}.where",
                f"{min(types & seen)} is in an earlier step already; a type belongs to one step",
            )
        seen |= types


def _deviation(rule: Deviation) -> Iterator[Problem]:
    yield from _bounded("within", rule.within, LONGEST_MS)
    if rule.distinct > rule.sessions:
        yield (
            "distinct",
            f"{rule.sessions} sessions cannot have {rule.distinct} values: it can never fire; ask for fewer",
        )


def _bounded(dotted: str, span_ms: int, longest_ms: int) -> Iterator[Problem]:
    if span_ms > longest_ms:
        yield dotted, f"state would be kept for {text_of(span_ms)}; at most {text_of(longest_ms)} here"


def _endless(dotted: str, name: str | None) -> Iterator[Problem]:
    if name in _ENDLESS_KEYS:
        yield (
            dotted,
            f"{name} has ever new values: state without end, and none is reached twice; use another field",
        )


def _types_only(dotted: str, where: Where) -> Iterator[Problem]:
    custom = [name for name in where.event_types() or () if name.startswith(CUSTOM_PREFIX)]
    if custom:
        yield (
            dotted,
            f"a session's end counts all custom types together, not {custom[0]} alone; use a span of time",
        )
    elif not where.only_types() or (where.event_types() is None and dotted != "where"):
        yield (
            dotted,
            "a session's end knows counts by type only; filter by event_type alone, or give `within` a span",
        )


def _covers(wide: Where, narrow: Where) -> bool:
    """Whether each event of the narrow filter surely passes the wide one."""
    types, inner = wide.event_types(), narrow.event_types()
    return wide.only_types() and (types is None or (inner is not None and inner <= types))


_CHECKS: dict[type, Callable[[Any], Iterator[Problem]]] = {
    Count: _count,
    Absence: _absence,
    Sequence: _sequence,
    Dwell: _dwell,
    Funnel: _funnel,
    Deviation: _deviation,
}
assert all(field(name) for name in _ENDLESS_KEYS)  # noqa: S101 - a slip of this module, not of input
