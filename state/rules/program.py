"""A pack of rules → the views of PATTERNS: the rules' statements, and the operators of their shapes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from state.rules import rows
from state.rules.at_end import is_at_end, session_match
from state.rules.literals import bigint, literal
from state.rules.matches import (
    RETURN,
    WAIT_COLUMNS,
    answer_matches,
    deviation_matches,
    return_match,
    wait_matches,
)
from state.rules.model import DEFAULT_EXPIRES_MS, Absence, Count, Deviation, Dwell, Sequence
from state.rules.rows import select, union
from state.rules.sequences import SEQUENCE, sequence_beginnings, sequence_candidates, sequence_view
from state.sql import statement

RULE_MATCHES = "rule_matches"
_HIT = (
    "rule", "visitor_id", "session_id", "rule_key", "anchor", "event_id", "event_time_ms", "first_at_ms",
    "events_no", "`context`", "ts",
)  # fmt: skip
_DWELLED = {"anchor": "session_id || CASE WHEN rule_key = '' THEN '' ELSE '/' || rule_key END"}


@dataclass(frozen=True)
class View:
    """A view; views stand in the order in which they build on each other.

    Attributes:
        name: of the view.
        sql: its SELECT.
        rules: names of the rules that have a statement in it.
    """

    name: str
    sql: str
    rules: tuple[str, ...] = ()


class Program:
    """The views of a pack, the last of which is `rule_matches`.

    Args:
        rules: the pack.
        session_gap_ms: of SESSIONS: when a session is over.
        expires_ms: how long signals are of use whose rule has the default.
    """

    def __init__(
        self, rules: Iterable[Any], session_gap_ms: int, expires_ms: int = DEFAULT_EXPIRES_MS
    ) -> None:
        self.views: list[View] = []
        self._rules = list(rules)
        self._gap_ms, self._expires_ms = session_gap_ms, expires_ms
        self._matches: list[str] = []
        self._counts()
        self._bursts()
        self._hits()
        self._waits()
        self._sequences()
        self._sessions()
        self._returns()
        self._finish()

    @property
    def longest_recovery_ms(self) -> int:
        """So long after its time an answer can still recover a wait of some rule of the pack."""
        return max((rule.recovered_within or 0 for rule in self._of(Absence)), default=0)

    def _add(self, name: str, sql: str, rules: Iterable[Any] = ()) -> str:
        self.views.append(View(name, sql, tuple(rule.name for rule in rules)))
        return name

    def _rows(self, name: str, row: Callable[[Any], str], rules: list[Any]) -> str:
        return self._add(name, rows.table([row(rule) for rule in rules], rules), rules)

    def _file(self, name: str, view: str | None = None, **values: int | str) -> str:
        return self._add(view or name, statement(f"patterns/{name}", values))

    def _of(self, kind: type, *, at_end: bool = False) -> list[Any]:
        return [rule for rule in self._rules if isinstance(rule, kind) and is_at_end(rule) == at_end]

    def _has(self, name: str) -> bool:
        return any(view.name == name for view in self.views)

    # ------------------------------------------------------------------------------------- counting, dwelling

    def _counts(self) -> None:
        counts = [rule for rule in self._of(Count) if rule.within == "session"]
        firsts = [rule for rule in self._of(Absence) if rule.since == "first"]
        found = [*counts, *self._of(Dwell), *firsts]
        if found:
            self._rows("counted_events", rows.counted, found)
            self._file("rule_counts")

    def _bursts(self) -> None:
        found = [rule for rule in self._of(Count) if rule.within != "session"]
        distinct = [rule for rule in found if rule.distinct]
        if distinct:
            self._rows("distinct_events", rows.burst, distinct)
            self._file("distinct_firsts")
        for before, group in sorted(_grouped(found, lambda rule: max(rule.least, 2) - 1).items()):
            name = self._add(f"burst_events_{before}", rows.table(list(_burst_rows(group)), group), group)
            self._file("bursts", f"bursts_{before}", events=name, rows_before=before)

    def _hits(self) -> None:
        sources = [view.name for view in self.views if view.name.startswith("bursts_")]
        repeated = [select([(name, name) for name in _HIT], source) for source in sources]
        if self._of(Dwell):
            dwelled = [(_DWELLED.get(name, name), name) for name in _HIT]
            repeated.append(
                select(dwelled, "rule_counts", "least_ms > 0", "event_time_ms - first_at_ms >= least_ms")
            )
        hits = []
        if any(rule.within == "session" for rule in self._of(Count)):
            hits.append(self._file("counts_reached"))
        if repeated:
            self._add("repeated_hits", union(repeated))
            hits.append(self._file("first_hits"))
        if hits:
            self._add("hits", union(select([(name, name) for name in _HIT], hit) for hit in hits))
            self._matches.append(self._file("hit_matches"))

    # --------------------------------------------------------------------------------------- waiting in vain

    def _waits(self) -> None:
        found = [rule for rule in self._of(Absence) if rule.without]
        names = []
        for wait_ms, group in sorted(_grouped(found, lambda rule: rule.within).items()):
            events = self._rows(f"wait_events_{wait_ms}", rows.waiting, group)
            names.append(
                self._file("waits", f"waits_{wait_ms}", events=events, wait_ms=wait_ms, wait_interval=wait_ms)
            )
        if not found:
            return
        plain = [(name, name) for name in WAIT_COLUMNS]
        self._add("unanswered_waits", union(select(plain, name) for name in names))
        self._answers(found)
        matches = union((wait_matches(found), answer_matches(found)))
        self._matches.append(self._add("wait_matches", matches))

    def _answers(self, found: list[Any]) -> None:
        """Those that may still recover a wait, and those that came late."""
        recovering = [rule for rule in found if rule.recovered_within] or found
        punctual = [select(rows.answering(rule), "ordered_events", *_recovers(rule)) for rule in recovering]
        late = [select(rows.answering(rule), "events_late", rule.without.sql()) for rule in found]
        self._add("punctual_answers", rows.table(punctual, recovering), recovering)
        self._add("late_answers", rows.table(late, found), found)
        self._file("answers")
        self._file("answered_waits")

    # --------------------------------------------------------------------------- sequences, sessions, returns

    def _sequences(self) -> None:
        groups = _grouped(self._of(Sequence), lambda rule: (len(rule.steps), rule.within))
        for (steps, within_ms), group in sorted(groups.items()):
            name, taken = f"{steps}_{within_ms}", f"taken_{steps}_{within_ms}"
            events = self._rows(f"sequence_events_{name}", rows.stepping, group)
            begun = self._add(f"sequence_beginnings_{name}", sequence_beginnings(events, steps, taken))
            enough = self._add(f"sequence_candidates_{name}", sequence_candidates(begun, steps, taken))
            view = self._add(f"sequences_{name}", sequence_view(enough, steps, within_ms))
            self._matches.append(
                self._add(f"sequence_matches_{name}", SEQUENCE.format(view=view, steps=steps))
            )

    def _sessions(self) -> None:
        found = [rule for rule in self._rules if is_at_end(rule)]
        if found:
            answers = union(session_match(rule, self._gap_ms) for rule in found)
            self._matches.append(self._add("session_matches", answers, found))
        for before, group in sorted(_grouped(self._of(Deviation), lambda rule: rule.sessions - 1).items()):
            events = self._rows(f"session_beginnings_{before}", rows.beginning, group)
            view = self._file("deviations", f"deviations_{before}", events=events, rows_before=before)
            matches = deviation_matches(view, before + 1, self._gap_ms)
            self._matches.append(self._add(f"deviation_matches_{before}", matches))

    def _returns(self) -> None:
        found = [rule for rule in self._of(Absence) if rule.without is None]
        if found:
            self._add("visitor_returns", union(map(return_match, found)), found)
            self._matches.append(self._add("return_matches", RETURN))

    def _finish(self) -> None:
        kinds = [(literal(rule.name), literal(rule.signal_kind)) for rule in self._rules if rule.emits]
        expiry = [
            (literal(rule.name), bigint(rule.expires))
            for rule in self._rules
            if rule.expires != DEFAULT_EXPIRES_MS
        ]
        name = "SPLIT_INDEX(rule, '/', 0)"
        columns = [
            (_case(kinds, name, name), "kind"), (name, "rule_name"),
            ("CAST(SPLIT_INDEX(rule, '/', 1) AS INT)", "rule_version"), ("visitor_id", "visitor_id"),
            ("anchor", "anchor"), ("status", "status"), ("occurred_at_ms", "occurred_at_ms"),
            ("version", "version"),
            (f"occurred_at_ms + {_case(expiry, bigint(self._expires_ms), name)}", "expires_at_ms"),
            ("session_id", "session_id"), ("`context`", "`context`"), ("evidence", "evidence"),
        ]  # fmt: skip
        every = union(f"SELECT * FROM {match}" for match in self._matches)  # noqa: S608 - names of views
        self._add("occurrences", every)
        self._add(RULE_MATCHES, select(columns, "occurrences"))


def _burst_rows(group: list[Any]) -> Iterator[str]:
    """Straight from the events; what counts each value once comes through `distinct_firsts`."""
    yield from (rows.burst(rule) for rule in group if not rule.distinct)
    distinct = [literal(rows.tag(rule)) for rule in group if rule.distinct]
    if distinct:
        columns = [(name, name) for name in rows.BURST_COLUMNS]
        yield select(columns, "distinct_firsts", f"rule IN ({', '.join(distinct)})")


def _recovers(rule: Absence) -> tuple[str, ...]:
    """Which events recover a wait of the rule; of one that nothing recovers, none."""
    answers = rule.without.sql() if rule.without else rows.NEVER
    return (answers,) if rule.recovered_within else (answers, rows.NEVER)


def _grouped(rules: Iterable[Any], key: Any) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for rule in rules:
        groups[key(rule)].append(rule)
    return groups


def _case(branches: list[tuple[str, str]], otherwise: str = "CAST(NULL AS BIGINT)", of: str = "rule") -> str:
    """CASE over equal texts; the default alone when there is no branch."""
    if not branches:
        return otherwise
    told = " ".join(f"WHEN {value} THEN {result}" for value, result in branches)
    return f"CASE {of} {told} ELSE {otherwise} END"
