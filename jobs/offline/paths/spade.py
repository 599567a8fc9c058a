"""SPADE: a list of positions for each step, and patterns by joining such lists. Pure.

Zaki: SPADE: an efficient algorithm for mining frequent sequences, Machine Learning 42 (2001); with a gap as
in his cSPADE (CIKM 2000): a pattern is joined with the steps that follow its last step often enough, for with
a gap two patterns of one prefix say nothing of each other.
"""

from __future__ import annotations

import numpy as np

from jobs.offline.paths.sequences import Found, Integers, Limits, Pattern, Progress, Sequences

Lists = dict[int, Integers]


def spade(sequences: Sequences, limits: Limits, progress: Progress = lambda _: None) -> Found:
    """All patterns within the limits, with their support; `progress` hears how many there are by now.

    Raises:
        BadInput: there are more than `limits.most`.

    >>> spade(Sequences.of([[0, 1, 2], [0, 2]]), Limits(2, max_gap=1))
    {(0,): (2,), (0, 2): (2,), (2,): (2,)}
    """
    found: Found = {}
    lists = {int(step): sequences.at(step) for step in np.unique(sequences.steps)}
    lists = {step: at for step, at in lists.items() if sum(sequences.support(at)) >= limits.support}
    followers = {step: _followers(sequences, limits, lists, step) for step in lists}

    def extend(pattern: Pattern, ends: Integers) -> None:
        limits.add(found, pattern, sequences.support(ends))
        progress(len(found))
        if len(pattern) == limits.max_length:
            return
        for step in followers[pattern[-1]]:
            joined = _join(sequences, ends, lists[step], limits.max_gap)
            if sum(sequences.support(joined)) >= limits.support:
                extend((*pattern, step), joined)

    for step, at in lists.items():
        extend((step,), at)
    return found


def _followers(sequences: Sequences, limits: Limits, lists: Lists, step: int) -> list[int]:
    """The steps that come behind a step in enough sequences."""
    joined = {other: _join(sequences, lists[step], at, limits.max_gap) for other, at in lists.items()}
    return [other for other, at in joined.items() if sum(sequences.support(at)) >= limits.support]


def _join(sequences: Sequences, ends: Integers, candidates: Integers, max_gap: int | None) -> Integers:
    """The candidates that come behind one of the ends, in its sequence; both are in order.

    The nearest end before a candidate decides: a farther one has a greater gap.
    """
    before = np.searchsorted(ends, candidates) - 1
    known, nearest = candidates[before >= 0], ends[before[before >= 0]]
    joined = sequences.owner[known] == sequences.owner[nearest]
    if max_gap is not None:
        joined &= known - nearest <= max_gap + 1
    found: Integers = known[joined]
    return found
