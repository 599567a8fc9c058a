"""Rules that are answered when a session is over: filters over what SESSIONS knows of it, without state."""

from __future__ import annotations

from state.rules.filters import Where
from state.rules.literals import Scalar, bigint, literal
from state.rules.model import Absence, Count, Funnel
from state.rules.rows import select

AtEnd = Count | Absence | Funnel


def is_at_end(rule: object) -> bool:
    """Whether the rule is answered by a closed session alone."""
    if isinstance(rule, Absence):
        return rule.within == "session"
    return isinstance(rule, Funnel) or (isinstance(rule, Count) and rule.at == "session_end")


def session_match(rule: AtEnd, session_gap_ms: int) -> str:
    """Rows of matches, one for each session that fulfils the rule; true from when the session is over."""
    condition, evidence = _asked(rule)
    told = ", ".join(f"{literal(name)} VALUE {value}" for name, value in evidence)
    at = f"ended_at_ms + {bigint(session_gap_ms)}"
    columns = [
        (literal(rule.key_in_state), "rule"), ("visitor_id", "visitor_id"), ("session_id", "anchor"),
        ("'active'", "status"), (at, "occurred_at_ms"), (at, "version"), ("session_id", "session_id"),
        ("`context`", "`context`"), (f"JSON_OBJECT({told} ABSENT ON NULL)", "evidence"),
    ]  # fmt: skip
    return select(columns, "sessions", condition)


def _asked(rule: AtEnd) -> tuple[str, list[tuple[str, str]]]:
    """The condition over a closed session, and what is told of it."""
    around = [("started_at_ms", "started_at_ms"), ("ended_at_ms", "ended_at_ms")]
    if isinstance(rule, Funnel):
        return _funnel(rule)
    if isinstance(rule, Absence):
        found, missing = events_of(rule.where), events_of(rule.without) if rule.without else "0"
        return f"({found}) > 0 AND ({missing}) = 0", [(f"{rule.start_noun}_events", found), *around]
    if rule.sum_:
        return f"{rule.sum_} >= {literal(float(rule.least))}", [(rule.sum_, rule.sum_), *around]
    sign = "=" if rule.exactly is not None else ">="
    found = events_of(rule.where)
    return f"({found}) {sign} {rule.least}", [("count", found), *around]


def events_of(where: Where) -> str:
    """How many events of the filter's types a session has.

    >>> events_of(Where.model_validate({"event_type": {"in": ["checkout_start", "checkout_step"]}}))
    '`checkout_start` + `checkout_step`'
    """
    types = where.event_types()
    return "events" if types is None else " + ".join(f"`{name}`" for name in sorted(types))


def _funnel(rule: Funnel) -> tuple[str, list[tuple[str, str]]]:
    """The furthest step is the last one that the session has an event of, with or without those before."""
    names = [step.name for step in rule.steps]
    found = [f"({events_of(step.where)}) > 0" for step in rule.steps]
    values: list[tuple[str, list[Scalar]]] = [
        ("step", list(range(1, len(names) + 1))),
        ("reached", list(names)),
        ("dropped_before", list(names[1:])),
    ]
    evidence = [(name, _case(found, told)) for name, told in values]
    return f"({' OR '.join(found)})", [*evidence, ("steps", str(len(names)))]


def _case(found: list[str], told: list[Scalar]) -> str:
    """What is told of the last step that was found; nothing where there is nothing to tell."""
    branches = []
    for number in reversed(range(len(found))):
        value = literal(told[number]) if number < len(told) else "CAST(NULL AS STRING)"
        branches.append(f"WHEN {found[number]} THEN {value}")
    return f"CASE {' '.join(branches)} END"
