"""Rule → SELECT: the one statement of each rule, which marks its events with its name and thresholds.

The operators that remember are not the rules': each shape of rule has one (state/patterns/), and tells rules
apart by the column `rule`. So another rule costs the events that its filter lets through, and no other rule's
state changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Items
from typing import Any

from state.rules.fields import field
from state.rules.filters import Where
from state.rules.literals import bigint, literal
from state.rules.model import Absence, Count, Deviation, Dwell, Sequence, Value

PLACE = "LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0')"
BURST_COLUMNS = (
    "rule", "visitor_id", "session_id", "rule_key", "occurrence", "anchor", "event_id", "event_time_ms",
    "least_events", "within_ms", "`context`", "ts",
)  # fmt: skip
NEVER = "CHAR_LENGTH(`context`) < 0"  # of which the planner does not know
NO_KEY = f"CASE WHEN {NEVER} THEN '-' ELSE '' END"
NO_TEXT, NO_NUMBER, NO_AMOUNT = "CAST(NULL AS STRING)", "CAST(NULL AS BIGINT)", "CAST(NULL AS DOUBLE)"


def tag(rule: Count | Absence | Dwell | Sequence | Deviation) -> str:
    """The rule as its rows carry it: name, version, and the words that its evidence is told in.

    >>> from state.rules.pack import SHIPPED, load_file
    >>> tag(load_file(SHIPPED / "category_interest.yaml").rule)
    'category_interest/1/category'
    """
    if isinstance(rule, Absence):
        return f"{rule.key_in_state}/{rule.start_noun}/{rule.since}/{rule.answer_noun}"
    key = getattr(rule, "key", None)
    return f"{rule.key_in_state}/{field(key).leaf}" if key else rule.key_in_state


def select(columns: Items[tuple[str, str]], source: str, *conditions: str) -> str:
    """A SELECT of (expression, name) columns."""
    listed = ",\n    ".join(
        name if expression == name else f"{expression} AS {name}" for expression, name in columns
    )
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT\n    {listed}\nFROM {source}{where}"


def union(selects: Iterable[str]) -> str:
    """One table of all the rows."""
    return "\nUNION ALL\n".join(selects)


def table(statements: list[str], rules: list[Any]) -> str:
    """The rows of all rules of one shape.

    With a single rule its name would be a constant, which the planner takes out of the operator's keys: a
    second rule would find the state of the first keyed otherwise. So there is always another name, of rows
    that never come.
    """
    if len(rules) > 1:
        return union(statements)
    nobody = statements[0].partition("\nUNION ALL\n")[0].replace(literal(tag(rules[0])), "''")
    return union([*statements, f"{nobody} AND {NEVER}"])


def counted(rule: Count | Dwell | Absence) -> str:
    """Rows of `counted_events`: numbered in their session. A wait only needs to know which is the first."""
    key, present = _key(getattr(rule, "key", None), rule.where)
    events, span = NO_NUMBER, NO_NUMBER
    if isinstance(rule, Count):
        events, span = bigint(rule.least), bigint(0)
    elif isinstance(rule, Dwell):
        events, span = bigint(2), bigint(rule.at_least)
    columns = [
        (literal(tag(rule)), "rule"), _c("visitor_id"), _c("session_id"), (key, "rule_key"), _c("event_id"),
        _c("event_time_ms"), _c("`sequence`"), _c("`context`"), (events, "least_events"),
        (span, "least_ms"), _c("ts"),
    ]  # fmt: skip
    return select(columns, "session_events", rule.where.sql(), *present)


def burst(rule: Count) -> str:
    """Rows of `distinct_events` or of `burst_events`: counted within a span of time."""
    key, present = _key(rule.key, rule.where)
    occurrence = f"COALESCE({field(rule.distinct).sql()}, event_id)" if rule.distinct else "event_id"
    once = rule.once == "session"
    joined = "''" if rule.key is None else f"'/' || {key}"
    columns = [
        (literal(tag(rule)), "rule"), _c("visitor_id"), ("session_id" if once else "''", "session_id"),
        (key, "rule_key"), (occurrence, "occurrence"),
        (f"session_id || {joined}" if once else occurrence, "anchor"), _c("event_id"), _c("event_time_ms"),
        (bigint(1 if rule.exactly else rule.least), "least_events"), (bigint(int(rule.within)), "within_ms"),
        _c("`context`"), _c("ts"),
    ]  # fmt: skip
    return select(columns, "session_events" if once else "ordered_events", rule.where.sql(), *present)


def waiting(rule: Absence) -> str:
    """Rows of `wait_events`: what starts the wait and what ends it."""
    answers = rule.without.sql() if rule.without else "FALSE"
    if rule.since == "last":
        return _wait(rule, rule.where.sql(), "events_valid", f"(({rule.where.sql()}) OR ({answers}))")
    first = f"rule = {literal(tag(rule))}", "event_time_ms = first_at_ms"
    return union([_wait(rule, "TRUE", "rule_counts", *first), _wait(rule, "FALSE", "events_valid", answers)])


def _wait(rule: Absence, starts: str, source: str, *conditions: str) -> str:
    amount = _amount(rule.value) if rule.value else NO_AMOUNT
    only_start = {"TRUE": "{}", "FALSE": "CAST(NULL AS {kind})"}.get(starts, "CASE WHEN {starts} THEN {} END")
    columns = [
        (literal(tag(rule)), "rule"), _c("visitor_id"),
        ("session_id" if source == "rule_counts" else NO_TEXT, "session_id"), (f"({starts})", "starts"),
        (PLACE, "place"), _c("event_id"), _c("event_time_ms"),
        (only_start.format(amount, starts=starts, kind="DOUBLE"), "amount"),
        (bigint(rule.recovered_within) if rule.recovered_within else NO_NUMBER, "recovered_within_ms"),
        (only_start.format("`context`", starts=starts, kind="STRING"), "`context`"), _c("ts"),
    ]  # fmt: skip
    return select(columns, source, *conditions)


def answering(rule: Absence) -> list[tuple[str, str]]:
    """Columns that name the rule and one of its answers."""
    return [(literal(tag(rule)), "rule"), _c("visitor_id"), _c("event_id"), _c("event_time_ms")]


def stepping(rule: Sequence) -> str:
    """Rows of `sequence_events`: which steps of the rule an event can be."""
    key, present = _key(rule.key, rule.steps[0])
    tests = [f"({step.sql()})" for step in rule.steps]
    columns = [
        (literal(tag(rule)), "rule"), _c("visitor_id"), (key, "rule_key"), _c("`context`"),
        (_taken(tests), "taken"), _c("ts"),
    ]  # fmt: skip
    anyone = " OR ".join(dict.fromkeys(tests))
    return select(columns, "ordered_events", f"({anyone})", *present)


def _taken(tests: list[str]) -> str:
    """An event as a sequence needs it: a digit for each step that it can be, its place, its id."""
    digits = (f"CASE WHEN {test} THEN '1' ELSE '0' END" for test in tests)
    return " || ".join([*digits, PLACE, "event_id"])


def beginning(rule: Deviation) -> str:
    """Rows of `session_beginnings`: what a closed session began with."""
    columns = [
        (literal(tag(rule)), "rule"), _c("visitor_id"), _c("session_id"), _c("started_at_ms"),
        _c("ended_at_ms"), ("first_category", "began_with"), (bigint(rule.distinct), "least_different"),
        (bigint(rule.within), "within_ms"), _c("`context`"), _c("closed_at"),
    ]  # fmt: skip
    return select(columns, "sessions", "first_category IS NOT NULL")


def _c(name: str) -> tuple[str, str]:
    return name, name


def _key(name: str | None, where: Where) -> tuple[str, list[str]]:
    """The key's expression, and the condition that it is there unless the filter says so already."""
    if name is None:
        return NO_KEY, []
    said = where.conditions().get(name)
    present = said is not None and (said.exists or said.eq is not None or said.in_ is not None)
    expression = field(name).sql("text")
    if field(name).kind == "number":
        expression = f"JSON_VALUE(`{field(name).block}`, '$.{field(name).leaf}')"
    return expression, [] if present else [f"{expression} IS NOT NULL"]


def _amount(value: Value) -> str:
    price = _bounded(field(value.price).sql("number"))
    if not value.quantity:
        return price
    return f"{price} * COALESCE({_bounded(field(value.quantity).sql('number'))}, 1)"


def _bounded(number: str) -> str:
    """NULL for what no sum survives: a number may be written as 1e400 or NaN."""
    return f"CASE WHEN {number} BETWEEN -1e12 AND 1e12 THEN {number} END"
