"""PrefixSpan: patterns grow at their end, through the steps that follow them. Pure.

Pei, Han, Mortazavi-Asl, Wang, Pinto, Chen, Dayal, Hsu: Mining sequential patterns by pattern-growth, IEEE
Transactions on Knowledge and Data Engineering 16 (2004). The projection is where a pattern ends. With a gap
that is every end and not the first one alone: a later one may be the only one that a step follows in time.
"""

from __future__ import annotations

import numpy as np

from jobs.offline.paths.sequences import Found, Integers, Limits, Pattern, Progress, Sequences


def prefixspan(sequences: Sequences, limits: Limits, progress: Progress = lambda _: None) -> Found:
    """All patterns within the limits, with their support; `progress` hears how many there are by now.

    Raises:
        BadInput: there are more than `limits.most`.

    >>> prefixspan(Sequences.of([[0, 1, 2], [0, 2]]), Limits(2, max_gap=0))
    {(0,): (2,), (2,): (2,)}
    """
    found: Found = {}

    def grow(pattern: Pattern, candidates: Integers) -> None:
        for step, ends in sequences.by_step(candidates, limits.support):
            longer = (*pattern, step)
            limits.add(found, longer, sequences.support(ends))
            progress(len(found))
            if len(longer) < limits.max_length:
                grow(longer, _following(sequences, ends, limits.max_gap))

    grow((), np.arange(len(sequences.steps)))
    return found


def _following(sequences: Sequences, ends: Integers, max_gap: int | None) -> Integers:
    """The positions that may come next, in order."""
    if max_gap is None:
        ends = sequences.first(ends)
        return _ranges(ends + 1, sequences.ends[ends])
    behind = np.minimum(sequences.ends[ends], ends + max_gap + 2)
    begin = ends + 1
    begin[1:] = np.maximum(begin[1:], behind[:-1])  # what an earlier end reaches already
    return _ranges(begin, behind)


def _ranges(begin: Integers, end: Integers) -> Integers:
    """The numbers from each `begin` to before its `end`, behind one another.

    >>> _ranges(np.array([3, 7, 9]), np.array([5, 7, 10])).tolist()
    [3, 4, 9]
    """
    lengths = np.maximum(end - begin, 0)
    before = np.cumsum(lengths) - lengths
    return np.repeat(begin - before, lengths) + np.arange(lengths.sum())
