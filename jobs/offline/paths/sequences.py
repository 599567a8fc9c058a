"""Sequences of steps as arrays of numbers, and what both searches for patterns ask of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from connectors.errors import BadInput

Integers = npt.NDArray[np.signedinteger[Any]]
Pattern = tuple[int, ...]
Support = tuple[int, ...]  # sequences that have a pattern, by group
Found = dict[Pattern, Support]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Limits:
    """What a pattern must be.

    Attributes:
        support: so many sequences must have it, all groups together; at least 1.
        max_length: of its steps.
        max_gap: at most so many other steps lie between two of its steps; None is any number.
        most: more patterns than this are refused.
    """

    support: int
    max_length: int = 5
    max_gap: int | None = None
    most: int = 100_000

    def add(self, found: Found, pattern: Pattern, support: Support) -> None:
        """Notes a pattern.

        Raises:
            BadInput: there are too many.
        """
        if len(found) >= self.most:
            raise BadInput(
                f"more than {self.most:,} patterns are in {self.support:,} sessions or more",
                "raise --min-support, lower --max-length or --max-gap, or raise --most",
            )
        found[pattern] = support


@dataclass(frozen=True)
class Sequences:
    """Sequences behind one another.

    Attributes:
        steps: numbers from 0, in order; a position is an index of this.
        owner: of each position, the number of its sequence, from 0; never falling.
        group: of each sequence, from 0.
        groups: how many groups there are.
        ends: of each position, the one behind its sequence.
    """

    steps: Integers
    owner: Integers
    group: Integers
    groups: int = 1
    ends: Integers = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", np.searchsorted(self.owner, self.owner, side="right"))

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], group: Sequence[int] | None = None) -> Self:
        """Sequences given as lists.

        >>> Sequences.of([[0, 1], [], [2]]).owner.tolist()
        [0, 0, 2]
        """
        lengths = [len(one) for one in sequences]
        steps = np.array([step for one in sequences for step in one], np.int32)
        groups = np.zeros(len(lengths), np.int32) if group is None else np.asarray(group, np.int32)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        return cls(steps, owner, groups, int(groups.max(initial=0)) + 1)

    def __len__(self) -> int:
        return len(self.group)

    def support(self, positions: Integers) -> Support:
        """How many sequences have one of the positions, which are in order, by group."""
        owners = self.owner[positions]
        first = owners[_changes(owners)]
        return tuple(np.bincount(self.group[first], minlength=self.groups).tolist())

    def first(self, positions: Integers) -> Integers:
        """The first of the positions of each sequence; they are in order."""
        return positions[_changes(self.owner[positions])]

    def at(self, step: int) -> Integers:
        """Where a step is."""
        return np.flatnonzero(self.steps == step)

    def by_step(self, positions: Integers, least: int) -> Iterator[tuple[int, Integers]]:
        """The positions, which are in order, by step; of steps that `least` sequences have there."""
        steps = self.steps[positions]
        order = np.argsort(steps, kind="stable")
        grouped, steps = positions[order], steps[order]
        cuts = np.append(np.flatnonzero(_changes(steps)), len(steps))
        is_new = (_changes(steps) | _changes(self.owner[grouped])).astype(np.int64)
        counts = np.add.reduceat(is_new, cuts[:-1]) if len(steps) else cuts[:0]
        for index in np.flatnonzero(counts >= least).tolist():
            yield int(steps[cuts[index]]), grouped[cuts[index] : cuts[index + 1]]


def _changes(values: Integers) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before; the first one does."""
    found = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found
