"""What each shape found → rows of matches: rule, visitor, anchor, status, times, session, evidence."""

from __future__ import annotations

from state.rules import rows
from state.rules.literals import bigint, literal
from state.rules.model import Absence
from state.rules.rows import select

# What is known of a wait that nothing ended; recoveries and late answers add theirs.
WAIT_COLUMNS = (
    "rule", "visitor_id", "event_id", "session_id", "waits_since_ms", "due_at_ms", "events_no", "amount",
    "recovered_within_ms", "`context`",
)  # fmt: skip
_START = "SPLIT_INDEX(rule, '/', 3) || '_' || SPLIT_INDEX(rule, '/', 2)"
_START_EVENTS = "SPLIT_INDEX(rule, '/', 2)"
_ANSWER = "SPLIT_INDEX(rule, '/', 4)"


def wait_matches(rules: list[Absence]) -> str:
    """Waits in vain."""
    columns = _wait_columns(literal("active"), "due_at_ms", _wait_evidence(rules))
    return select(columns, "unanswered_waits")


def answer_matches(rules: list[Absence]) -> str:
    """Waits that were recovered, and those that a late answer takes back; one SELECT, for there is one join.

    A retraction has the version after everything else that could change the signal: it is the last word.
    """
    status = "CASE WHEN is_late THEN 'retracted' ELSE 'recovered' END"
    last = f"due_at_ms + COALESCE(recovered_within_ms, {bigint(0)}) + {bigint(1)}"
    version = f"CASE WHEN is_late THEN {last} ELSE answered_at_ms END"
    return select(_wait_columns(status, version, _wait_evidence(rules, answered=True)), "answered_waits")


def _wait_columns(status: str, version: str, evidence: str) -> list[tuple[str, str]]:
    return [
        ("rule", "rule"), ("visitor_id", "visitor_id"), ("event_id", "anchor"), (status, "status"),
        ("due_at_ms", "occurred_at_ms"), (version, "version"), ("session_id", "session_id"),
        ("`context`", "`context`"), (evidence, "evidence"),
    ]  # fmt: skip


def _wait_evidence(rules: list[Absence], answered: bool = False) -> str:
    parts = [
        f"'{{\"' || {_START} || '_event_id\":' || JSON_STRING(event_id)",
        f"',\"' || {_START} || '_at_ms\":' || CAST(waits_since_ms AS STRING)",
        f"',\"' || {_START_EVENTS} || '_events\":' || CAST(events_no AS STRING)",
        *_value_evidence(rules),
    ]
    if answered:
        parts.append(f"',\"' || {_ANSWER} || '_event_id\":' || JSON_STRING(answer_event_id)")
        parts.append(f"',\"' || {_ANSWER} || '_at_ms\":' || CAST(answered_at_ms AS STRING)")
    return " || ".join([*parts, "'}'"])


def _value_evidence(rules: list[Absence]) -> list[str]:
    """The sum at stake, rounded to cents, and its band."""
    told = "',\"value\":' || CAST(ROUND(amount * 100, 0) / 100 AS STRING)"
    banded = [(rule, rule.value.bands) for rule in rules if rule.value]
    if banded:
        cases = " ".join(f"WHEN {literal(rows.tag(rule))} THEN {_band(bands)}" for rule, bands in banded)
        told += f" || ',\"value_band\":\"' || CASE rule {cases} ELSE '' END || '\"'"
    # Read even when no rule has a value: a reader that reads less of a window gets one of its own.
    return [f"CASE WHEN amount IS NULL THEN '' ELSE {told} END"]


def _band(bands: list[int]) -> str:
    limits = [0, *bands]
    names = [f"{low}-{high}" for low, high in zip(limits, bands, strict=False)]
    branches = [f"WHEN amount < {high} THEN {literal(name)}" for name, high in zip(names, bands, strict=True)]
    return f"CASE {' '.join(branches)} ELSE {literal(f'{bands[-1]}+')} END"


def deviation_matches(view: str, sessions: int, session_gap_ms: int) -> str:
    """Sessions that, with those before them, do not agree."""
    at = f"ended_at_ms + {bigint(session_gap_ms)}"
    evidence = (
        "JSON_OBJECT('sessions' VALUE sessions_no, 'different' VALUE different, 'since_ms' VALUE since_ms,"
        " 'category' VALUE began_with)"
    )
    columns = [
        ("rule", "rule"), ("visitor_id", "visitor_id"), ("session_id", "anchor"), ("'active'", "status"),
        (at, "occurred_at_ms"), (at, "version"), ("session_id", "session_id"), ("`context`", "`context`"),
        (evidence, "evidence"),
    ]  # fmt: skip
    wanted = (
        f"sessions_no = {sessions}",
        "different >= least_different",
        "started_at_ms - since_ms <= within_ms",
    )
    return select(columns, view, *wanted)


def return_match(rule: Absence) -> str:
    """The first event after a silence that was long enough."""
    columns = [
        (literal(rule.key_in_state), "rule"), ("visitor_id", "visitor_id"), ("session_id", "session_id"),
        ("event_id", "event_id"), ("event_time_ms", "event_time_ms"),
        ("previous_event_at_ms", "previous_event_at_ms"),
        ("`context`", "`context`"),
    ]  # fmt: skip
    return select(
        columns, "session_events", f"event_time_ms - previous_event_at_ms >= {bigint(int(rule.within))}"
    )


RETURN = """\
SELECT
    rule, visitor_id, session_id AS anchor, 'active' AS status, event_time_ms AS occurred_at_ms,
    event_time_ms AS version, session_id, `context`,
    JSON_OBJECT(
        'event_id' VALUE event_id,
        'last_seen_ms' VALUE previous_event_at_ms,
        'away_ms' VALUE event_time_ms - previous_event_at_ms) AS evidence
FROM visitor_returns"""
