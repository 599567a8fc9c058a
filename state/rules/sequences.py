"""Sequences: steps in their order with anything between; a step's event is used once.

Only Flink's pattern matching knows which events are used up. It puts each row aside until the watermark comes
and looks through all that a key has left, which costs RocksDB milliseconds a row where many keys come and go.
So it gets the rows of a rule, visitor and key only from the moment on at which there are as many as the rule
has steps: before, there cannot be a sequence, and most keys never get so far.
"""

from __future__ import annotations

from collections.abc import Iterator

from state.rules.literals import interval
from state.rules.rows import NO_TEXT, select, union

_PLACE = 19  # digits of rows.PLACE
_KEPT = [(name, name) for name in ("rule", "visitor_id", "rule_key", "`context`")]
_IN_ORDER = "OVER (PARTITION BY rule, visitor_id, rule_key ORDER BY in_order_at)"
_SEQUENCE = """\
SELECT *
FROM {events}
MATCH_RECOGNIZE (
    PARTITION BY rule, visitor_id, rule_key
    ORDER BY ts, place
    MEASURES
        {measured},
        SUBSTRING(S1.place, {id_at}) AS first_event_id,
        SUBSTRING(S{steps}.place, {id_at}) AS last_event_id,
        S{steps}.`context` AS `context`
    ONE ROW PER MATCH
    AFTER MATCH SKIP PAST LAST ROW
    PATTERN ({pattern}) WITHIN {within}
    DEFINE
        {defined}
) AS found"""
SEQUENCE = """\
SELECT
    rule, visitor_id, first_event_id AS anchor, 'active' AS status,
    step_{steps}_at_ms AS occurred_at_ms, step_{steps}_at_ms AS version,
    CAST(NULL AS STRING) AS session_id, `context`,
    '{{' || CASE WHEN rule_key = '' THEN ''
        ELSE '"' || SPLIT_INDEX(rule, '/', 2) || '":' || JSON_STRING(rule_key) || ',' END
        || '"first_at_ms":' || CAST(step_1_at_ms AS STRING)
        || ',"first_event_id":' || JSON_STRING(first_event_id)
        || ',"last_event_id":' || JSON_STRING(last_event_id) || '}}' AS evidence
FROM {view}"""


def sequence_beginnings(events: str, steps: int, taken: str) -> str:
    """Each event with those before it that a key's first sequence could begin with.

    Args:
        events: view of `rows.stepping`.
        steps: of the rules.
        taken: name of the column `taken` from here on: it tells this operator from those of other rules.
    """
    before = [(f"LAG({taken}, {back}) {_IN_ORDER}", f"taken_{back}") for back in range(1, steps)]
    columns = [*_KEPT, (taken, taken), *before, (f"LAG(seen, {steps}) {_IN_ORDER}", "earlier"), ("ts", "ts")]
    named = [("*", "*"), ("taken", taken), ("1", "seen"), ("PROCTIME()", "in_order_at")]
    return select(columns, f"({select(named, events)})")


def sequence_candidates(beginnings: str, steps: int, taken: str) -> str:
    """The events of a key once there are enough: the first ones come with the one that makes them enough."""
    numbers = range(1, steps + 1)
    columns = [*_KEPT, *((f"SUBSTRING(taken, {number}, 1) = '1'", f"step_{number}") for number in numbers)]
    columns += [
        (f"SUBSTRING(taken, {steps + 1})", "place"),
        (f"CAST(SUBSTRING(taken, {steps + 1}, {_PLACE}) AS BIGINT) / 1000000", "event_time_ms"),
        ("ts", "ts"),
    ]
    return select(columns, f"({union(_enough(beginnings, steps, taken))})")


def _enough(beginnings: str, steps: int, taken: str) -> Iterator[str]:
    there_are = f"taken_{steps - 1} IS NOT NULL"
    yield select([*_KEPT, (taken, "taken"), ("ts", "ts")], beginnings, there_are)
    # Nothing is asked of the context of any but the last.
    keys = [*_KEPT[:-1], (NO_TEXT, "`context`")]
    for back in range(1, steps):
        columns = [*keys, (f"taken_{back}", "taken"), ("ts", "ts")]
        yield select(columns, beginnings, there_are, "earlier IS NULL")


def sequence_view(candidates: str, steps: int, within_ms: int) -> str:
    """The sequences among the candidates."""
    numbers = range(1, steps + 1)
    pattern = " ".join(f"S{number}" if number == 1 else f"X{number}*? S{number}" for number in numbers)
    defined = [f"S{number} AS S{number}.step_{number}" for number in numbers]
    defined[-1] += f" AND S{steps}.event_time_ms <= S1.event_time_ms + {within_ms}"
    measured = [f"S{number}.event_time_ms AS step_{number}_at_ms" for number in numbers]
    return _SEQUENCE.format(
        events=candidates,
        measured=",\n        ".join(measured),
        steps=steps,
        id_at=_PLACE + 1,
        pattern=pattern,
        within=interval(within_ms + 1).replace("DAY(3)", "DAY"),  # WITHIN excludes its end
        defined=",\n        ".join(defined),
    )
