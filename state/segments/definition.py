"""Segments compiled: bounds on what is known of a visitor, and when each changes by time alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, floor, inf, log, nextafter
from typing import Any, NamedTuple

from state.logic import NEVER
from state.options import DAY_MS
from state.segments.language.cutoffs import Cutoffs
from state.visitor import Membership, Visitor

# Measures: three that grow with time, in whole milliseconds; one that decays; the rest wait for events.
RECENCY, AGE, SINCE_PURCHASE, FREQUENCY, SESSIONS, PURCHASES, REVENUE = range(7)
MOST_STARTS = 32  # sessions that are remembered of a visitor; an older one is not counted any more
_MEASURES = {
    "recency": RECENCY,
    "age": AGE,
    "since_purchase": SINCE_PURCHASE,
    "frequency": FREQUENCY,
    "sessions": SESSIONS,
    "purchases": PURCHASES,
    "revenue": REVENUE,
}


class Bound(NamedTuple):
    """`low <= measure < high`."""

    measure: int
    low: float
    high: float


Condition = tuple[Bound, ...]  # all of them


class Segment(NamedTuple):
    """One segment; any of the conditions lets in, or lets stay."""

    name: str
    enter: tuple[Condition, ...]
    stay: tuple[Condition, ...]
    minimum_ms: int


class Facts:
    """What the measures of a visitor are made of.

    Args:
        visitor: whose.
        known: what is remembered of the visitor for segments.
        decay_ms: of the frequency.
    """

    __slots__ = ("_asked_at", "_frequency", "bases", "constants", "decay_ms", "starts")

    def __init__(self, visitor: Visitor, known: Membership, decay_ms: int) -> None:
        self.decay_ms, self.starts = decay_ms, known.starts
        seen_at = max(visitor.last_at, known.late_at)
        self.bases = (seen_at, visitor.seen_since, visitor.purchase_at if visitor.purchases else -NEVER)
        self.constants = (visitor.sessions, visitor.purchases, visitor.revenue)
        self._asked_at, self._frequency = -1, 0.0

    def value(self, measure: int, at: int) -> float:
        """The measure at a time."""
        if measure < FREQUENCY:
            return at - self.bases[measure]
        return self.frequency(at) if measure == FREQUENCY else self.constants[measure - SESSIONS]

    def frequency(self, at: int) -> float:
        """Sessions, each by exp(-age / decay); asked about one time again and again."""
        if at != self._asked_at:
            decay_ms = self.decay_ms
            self._asked_at = at
            self._frequency = sum([exp((start - at) / decay_ms) for start in self.starts])
        return self._frequency

    def holds(self, condition: Condition, at: int) -> bool:
        """Whether all bounds hold at a time."""
        return all(low <= self.value(measure, at) < high for measure, low, high in condition)

    def changes_at(self, bound: Bound, at: int) -> float:
        """When the bound begins or ceases to hold by time alone, after `at`."""
        measure, low, high = bound
        if measure < FREQUENCY:
            low, high = self.bases[measure] + low, self.bases[measure] + high
            return low if at < low else high if at < high < inf else NEVER
        if measure > FREQUENCY:
            return NEVER
        return min((self._falls_under(edge, at) for edge in (low, high) if 0 < edge < inf), default=NEVER)

    def _falls_under(self, edge: float, at: int) -> int:
        """The first millisecond at which the frequency is under an edge; NEVER where it is already."""
        now = self.frequency(at)
        if now < edge:
            return NEVER
        found = at + max(1, ceil(self.decay_ms * log(now / edge)))
        while self.frequency(found) >= edge:  # the closed form is rounded: what counts is the sum itself
            found += 1
        while found > at + 1 and self.frequency(found - 1) < edge:
            found -= 1
        return found


class Definition:
    """The segments of one file, in order: a visitor is in the first that it may enter, or stay in.

    Attributes:
        kind, name, version: of the file.
        is_signal: whether moves are signals.
        expires_ms: of these.
        cutoffs: that scores are made by; of RFM alone.
        valid_until: event time up to which these are valid.
        least_ms: the shortest recency at which anything changes: an event after less changes nothing by it.
    """

    def __init__(self, rule: Any, segments: Sequence[Segment]) -> None:
        """Takes the file as it was read, and its segments compiled."""
        self.kind, self.name, self.version = str(rule.kind), str(rule.name), int(rule.version)
        self.is_signal = self.kind == "lifecycle"
        self.decay_ms: int = rule.decay if self.is_signal else DAY_MS
        self.expires_ms: int = rule.expires if self.is_signal else 0
        self.cutoffs: Cutoffs | None = None
        self.valid_until = NEVER
        self._segments = tuple(segments)
        self._rank = {one.name: rank for rank, one in enumerate(segments)}
        edges = [
            edge for one in _bounds(segments) if one.measure == RECENCY for edge in one[1:] if 0 < edge < inf
        ]
        self.least_ms = min(edges, default=NEVER)

    def at(self, facts: Facts, segment: str, since: int, at: int) -> str:
        """The segment at a time, of a visitor that was in one before; empty where none fits."""
        for one in self._segments:
            if _any_holds(facts, one.enter, at):
                return one.name
            if one.name == segment and (at < since + one.minimum_ms or _any_holds(facts, one.stay, at)):
                return one.name
        return ""

    def next_change(self, facts: Facts, segment: str, since: int, at: int) -> int:
        """The earliest time after `at` at which time alone may move the visitor on."""
        rank = self._rank.get(segment, len(self._segments))
        earliest: float = NEVER
        for one in self._segments[: rank + 1]:
            conditions = one.enter if one.name != segment else (*one.enter, *one.stay)
            for condition in conditions:
                for bound in condition:
                    earliest = min(earliest, facts.changes_at(bound, at))
        if rank < len(self._segments) and (until := since + self._segments[rank].minimum_ms) > at:
            earliest = min(earliest, until)
        return int(earliest)


def _bounds(segments: Sequence[Segment]) -> list[Bound]:
    return [bound for one in segments for condition in (*one.enter, *one.stay) for bound in condition]


def _any_holds(facts: Facts, conditions: tuple[Condition, ...], at: int) -> bool:
    return any(facts.holds(condition, at) for condition in conditions)


def compiled(rule: Any, cutoffs: Cutoffs | None) -> Definition | None:
    """The segments of a file at work; None for RFM without cut-offs.

    Args:
        rule: as it was loaded and checked.
        cutoffs: of RFM.
    """
    if rule.kind == "lifecycle":
        return Definition(rule, [_segment(one) for one in rule.segments])
    if cutoffs is None:
        return None
    made = Definition(rule, [Segment(one.name, _scored(one.enter, cutoffs), (), 0) for one in rule.segments])
    made.cutoffs, made.valid_until = cutoffs, cutoffs.as_of_ms + rule.cutoffs_valid_for
    return made


def _segment(one: Any) -> Segment:
    return Segment(one.name, _conditions(one.enter), _conditions(one.stay or ()), one.minimum_stay or 0)


def _conditions(conditions: Sequence[Any]) -> tuple[Condition, ...]:
    return tuple(
        tuple(
            Bound(measure, -inf if bounds.at_least is None else bounds.at_least, bounds.below or inf)
            for name, measure in _MEASURES.items()
            if (bounds := getattr(condition, name)) is not None
        )
        for condition in conditions
    )


_IS_BUYER = Bound(PURCHASES, 1, inf)


def _scored(conditions: Sequence[Any], cutoffs: Cutoffs) -> tuple[Condition, ...]:
    """Scores as bounds on what they are made of: a score rises by one with each cut-off that is passed."""
    return tuple(
        (_IS_BUYER, *(bound for bound in _score_bounds(condition, cutoffs) if bound[1:] != (-inf, inf)))
        for condition in conditions
    )


def _score_bounds(condition: Any, cutoffs: Cutoffs) -> list[Bound]:
    found = []
    if (scores := condition.recency_score) is not None:
        ages = [-1, *(floor(cut) for cut in cutoffs.recency_ms), inf]
        low, high = ages[5 - (scores.at_most or 5)] + 1, ages[6 - (scores.at_least or 1)] + 1
        found.append(Bound(SINCE_PURCHASE, low, high))
    for measure, scores, cuts in (
        (PURCHASES, condition.frequency_score, cutoffs.frequency),
        (REVENUE, condition.monetary_score, cutoffs.monetary),
    ):
        if scores is not None:
            edges = [-inf, *(nextafter(cut, inf) for cut in cuts), inf]
            found.append(Bound(measure, edges[(scores.at_least or 1) - 1], edges[scores.at_most or 5]))
    return found
