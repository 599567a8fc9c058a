"""The answer about paths: patterns, what was cut of them, contrast, funnel, matrix. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from connectors.errors import BadInput
from jobs.offline.paths.closed import closed
from jobs.offline.paths.contrast import LEAST, Contrast, contrast, groups_of
from jobs.offline.paths.funnel import DropOff, drop_offs
from jobs.offline.paths.prefixspan import prefixspan
from jobs.offline.paths.sequences import Found, Integers, Limits, Pattern, Progress, Sequences
from jobs.offline.paths.sessions import Sessions
from jobs.offline.paths.spade import spade

METHODS = {"prefixspan": prefixspan, "spade": spade}
FEWEST = 10  # sessions
_SMALLEST = 2  # sessions that make a pattern, where a share is asked for
_ROWS, _COLUMNS = 12, 12  # of the matrix: the commonest steps, the first positions
OTHER = "other"


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        support: least support as it was given: a share (0.05, 5%) or a number of sessions.
        limits: what a pattern must be; its support is found from `support`.
        method: one of `METHODS`.
        shortest: patterns with fewer steps are not listed.
        all_patterns: lists those, too, that are not closed.
    """

    support: str = "0.05"
    limits: Limits = Limits(1)
    method: str = "prefixspan"
    shortest: int = 2
    all_patterns: bool = False

    def least(self, sessions: int) -> int:
        """How many of so many sessions must have a pattern.

        >>> [Question(text).least(1_000) for text in ("0.05", "5%", "7")]
        [50, 50, 7]

        Raises:
            BadInput: it is neither a share nor a count.
        """
        if re.fullmatch(r"[1-9]\d{0,8}", self.support):
            return int(self.support)
        text = self.support.removesuffix("%")
        share = float(text) if re.fullmatch(r"\d*\.?\d+", text) else -1.0
        share /= 100 if self.support.endswith("%") else 1
        if not 0 < share <= 1:
            raise BadInput(
                "--min-support must be a share of the sessions (0.05 or 5%) or a number of them (50), "
                f"{self.support!r} came"
            )
        return max(math.ceil(share * sessions - 1e-9), _SMALLEST)


@dataclass(frozen=True)
class Listed:
    """A pattern: its steps by name, how many sessions have it, and which share of them that is."""

    steps: tuple[str, ...]
    sessions: int
    support: float


@dataclass(frozen=True)
class Cut:
    """What is not listed, and why.

    Attributes:
        rare_steps: steps that fewer sessions have than a pattern needs, so that they are in none.
        not_closed: patterns that a longer one implies, in just as many sessions.
        too_short: with fewer steps than was asked for.
        at_max_length: patterns of the greatest length, listed or not: longer ones were not looked for.
    """

    rare_steps: int
    not_closed: int
    too_short: int
    at_max_length: int


@dataclass(frozen=True)
class Matrix:
    """Share of sessions that are at a step at each position; those that are over are in no row.

    Attributes:
        steps: names of the rows, the commonest first.
        buyers, others: float[rows, positions], of sessions with the goal and without.
    """

    steps: tuple[str, ...]
    buyers: npt.NDArray[np.float64]
    others: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """All figures.

    Attributes:
        question, least: what was asked, and so many sessions make a pattern.
        sessions, visitors, events: what was looked at; events are those that are steps.
        segment: that the sessions are of; None is all.
        goal: event type.
        names: of steps, by number.
        patterns: the commonest first.
        cut: what is not listed.
        contrast: None where a group is too small; then `no_contrast` says so.
        funnel: by segment and step.
        matrix: for the picture.
    """

    question: Question
    least: int
    sessions: int
    visitors: int
    events: int
    segment: str | None
    goal: str
    names: tuple[str, ...]
    patterns: list[Listed]
    cut: Cut
    contrast: Contrast | None
    no_contrast: str
    funnel: list[DropOff]
    matrix: Matrix

    def named(self, pattern: Pattern) -> list[str]:
        """The steps of a pattern."""
        return [self.names[step] for step in pattern]

    def to_document(self) -> dict[str, object]:
        """As JSON."""
        limits = self.question.limits
        return {
            "sessions": self.sessions,
            "visitors": self.visitors,
            "events": self.events,
            "segment": self.segment,
            "method": self.question.method,
            "min_support": {"asked": self.question.support, "sessions": self.least},
            "max_length": limits.max_length,
            "max_gap": limits.max_gap,
            "patterns": [asdict(one) for one in self.patterns],
            "cut": asdict(self.cut),
            "contrast": self._contrast(),
            "no_contrast": self.no_contrast or None,
            "funnel": [asdict(one) for one in self.funnel],
        }

    def _contrast(self) -> dict[str, object] | None:
        found = self.contrast
        if found is None:
            return None
        patterns = [
            {"steps": self.named(one.pattern), **{k: v for k, v in vars(one).items() if k != "pattern"}}
            for one in found.differences
        ]
        head = {"goal": self.goal, "buyers": found.buyers, "leavers": found.leavers, "least": found.least}
        return {**head, "tested": len(patterns), "patterns": patterns}


def analysed(
    sessions: Sessions, question: Question, *, goal: str, funnel: Sequence[str], segment: str | None = None,
    progress: Progress = lambda _: None,
) -> Answer:  # fmt: skip
    """All figures about sessions.

    Args:
        sessions: with a column `segment` where segments are known.
        question: what is asked.
        goal: event type that makes a buyer.
        funnel: names of its steps.
        segment: only sessions that began in it; the funnel is of all segments.
        progress: hears how many patterns there are by now.

    Raises:
        BadInput: there are too few sessions, or too many patterns.
    """
    chosen = sessions if segment is None else _of_segment(sessions, segment)
    if len(chosen.table) < FEWEST:
        of = f" of segment {segment}" if segment else ""
        raise BadInput(
            f"at least {FEWEST} sessions{of} are required, {len(chosen.table)} came", "give more events"
        )
    mine = partial(METHODS[question.method], progress=progress)
    sequences = chosen.sequences()
    limits = replace(question.limits, support=question.least(len(sequences)))
    patterns, cut = _patterns(sequences, limits, question, mine, chosen.names)
    compared, why_not = _contrast(chosen, question, mine, goal)
    return Answer(
        question, limits.support, len(chosen.table), chosen.table["visitor_id"].n_unique(), chosen.events,
        segment, goal, chosen.names, patterns, cut, compared, why_not,
        drop_offs(sessions.table, funnel), _matrix(chosen),
    )  # fmt: skip


def _of_segment(sessions: Sessions, segment: str) -> Sessions:
    return sessions.chosen(np.flatnonzero((sessions.table["segment"] == segment).fill_null(False).to_numpy()))


Mine = Callable[[Sequences, Limits], Found]


def _patterns(
    sequences: Sequences, limits: Limits, question: Question, mine: Mine, names: Sequence[str]
) -> tuple[list[Listed], Cut]:
    found = mine(sequences, limits)
    kept = found if question.all_patterns else closed(found, limits.max_gap)
    listed = [
        Listed(tuple(names[step] for step in pattern), count, count / len(sequences))
        for pattern, (count,) in kept.items()
        if len(pattern) >= question.shortest
    ]
    listed.sort(key=lambda one: (-one.sessions, -len(one.steps), one.steps))
    cut = Cut(
        rare_steps=len(np.unique(sequences.steps)) - sum(len(pattern) == 1 for pattern in found),
        not_closed=len(found) - len(kept),
        too_short=len(kept) - len(listed),
        at_max_length=sum(len(pattern) == limits.max_length for pattern in found),
    )
    return listed, cut


def _contrast(sessions: Sessions, question: Question, mine: Mine, goal: str) -> tuple[Contrast | None, str]:
    groups = groups_of(sessions)
    leavers, buyers = np.bincount(groups.group, minlength=2).tolist()
    if min(leavers, buyers) < LEAST:
        return None, f"{buyers} visitors reached {goal} and {leavers} did not: {LEAST} of each are required"
    limits = replace(question.limits, support=question.least(min(leavers, buyers)))
    return contrast(groups, limits, mine), ""


def _matrix(sessions: Sessions) -> Matrix:
    begins = np.searchsorted(sessions.owner, np.arange(len(sessions.table)))
    position = np.arange(len(sessions.steps)) - begins[sessions.owner]
    counts = np.bincount(sessions.steps, minlength=len(sessions.names))
    commonest = np.argsort(-counts, kind="stable")[:_ROWS]
    row = np.full(len(sessions.names), len(commonest))
    row[commonest] = np.arange(len(commonest))
    rows = len(commonest) + (len(sessions.names) > len(commonest))
    has_goal = sessions.table["goal_at"].is_not_null().to_numpy()
    near = position < _COLUMNS
    shares = [
        _shares(row[sessions.steps[of]], position[of], rows, int(count))
        for side, count in ((has_goal, has_goal.sum()), (~has_goal, (~has_goal).sum()))
        for of in (near & side[sessions.owner],)
    ]
    names = [sessions.names[step] for step in commonest] + [OTHER] * (rows - len(commonest))
    return Matrix(tuple(names), *shares)


def _shares(rows: Integers, positions: Integers, count: int, sessions: int) -> npt.NDArray[np.float64]:
    found = np.zeros((count, _COLUMNS))
    np.add.at(found, (rows, positions), 1.0)
    return found / max(sessions, 1)
