"""PrefixSpan and SPADE against each other, against trying everything, and against the package `prefixspan`."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prefixspan import PrefixSpan

from connectors.errors import BadInput
from jobs.offline.paths.closed import closed
from jobs.offline.paths.prefixspan import prefixspan
from jobs.offline.paths.sequences import Found, Limits, Sequences
from jobs.offline.paths.spade import spade
from tests import path_oracle

Miner = Callable[[Sequences, Limits], Found]
GAPS = (None, 0, 1, 3)
DATABASES = 1_000


def databases(seed: int) -> list[list[list[int]]]:
    """Random ones, of few steps so that these repeat, some of them empty."""
    chance = random.Random(seed)
    return [
        [
            [chance.randrange(steps) for _ in range(chance.randrange(9))]
            for _ in range(chance.randrange(1, 12))
        ]
        for steps in (chance.randrange(1, 6) for _ in range(DATABASES))
    ]


@pytest.mark.parametrize("mine", [prefixspan, spade])
def test_patterns_are_those_of_the_package(mine: Miner) -> None:
    for number, database in enumerate(databases(1)):
        limits = Limits(number % 3 + 1, number % 5 + 1)
        package = PrefixSpan(database)
        package.maxlen = limits.max_length
        theirs = {tuple(pattern): (count,) for count, pattern in package.frequent(limits.support)}
        assert mine(Sequences.of(database), limits) == theirs, (database, limits)


def test_closed_patterns_are_those_of_the_package_that_no_longer_one_implies() -> None:
    """The package keeps some that are not closed: of 10, 10, 1111101 it says that 1 is in three and 10 is, too."""
    for number, database in enumerate(databases(2)):
        support = number % 3 + 1
        found = {tuple(pattern): count for count, pattern in PrefixSpan(database).frequent(support)}
        theirs = {tuple(pattern) for _, pattern in PrefixSpan(database).frequent(support, closed=True)}
        ours = closed(prefixspan(Sequences.of(database), Limits(support, max_length=9)), None)
        assert set(ours) <= theirs
        for one in theirs - set(ours):
            longer = [
                other for other, count in found.items() if count == found[one] and len(other) > len(one)
            ]
            assert any(path_oracle.is_part(one, other, None) for other in longer), (database, one)


@pytest.mark.parametrize("max_gap", GAPS)
def test_both_find_what_trying_everything_finds(max_gap: int | None) -> None:
    for number, database in enumerate(databases(3)[:300]):
        limits = Limits(number % 3 + 1, number % 5 + 1, max_gap)
        naive = path_oracle.frequent(database, limits.support, limits.max_length, max_gap)
        sequences = Sequences.of(database)
        found = prefixspan(sequences, limits)
        assert found == spade(sequences, limits) == {one: (count,) for one, count in naive.items()}
        kept = path_oracle.closed(database, limits.support, limits.max_length, max_gap)
        assert set(closed(found, max_gap)) == kept, (database, limits)


sequence = st.lists(st.integers(0, 3), max_size=10)


@settings(deadline=None)
@given(
    st.lists(st.tuples(sequence, st.integers(0, 1)), min_size=1, max_size=10),
    st.sampled_from(GAPS),
    st.integers(1, 4),
)
def test_the_support_of_each_group_is_counted(
    rows: list[tuple[list[int], int]], max_gap: int | None, support: int
) -> None:
    database, group = zip(*rows, strict=True)
    sequences, limits = Sequences.of(database, group), Limits(support, 4, max_gap)
    found = prefixspan(sequences, limits)
    assert found == spade(sequences, limits)
    for pattern, counted in found.items():
        has = [pattern in path_oracle.patterns_in(one, 4, max_gap) for one in database]
        sizes = [sum(one for one, mine in zip(has, group, strict=True) if mine == side) for side in (0, 1)]
        assert list(counted) == sizes[: len(counted)] and sum(counted) == sum(has)


def test_a_gap_is_a_part_of_the_search_and_no_filter_behind_it() -> None:
    """The first 0 is too far from the 1, the second one is not; 0, 1 without a gap is in the second alone."""
    database = [[0, 2, 2, 0, 1], [0, 2, 1]]
    for mine in (prefixspan, spade):
        assert mine(Sequences.of(database), Limits(1, max_gap=0))[0, 1] == (1,)
        assert mine(Sequences.of(database), Limits(1, max_gap=1))[0, 1] == (2,)
        assert (0, 1, 1) not in mine(Sequences.of(database), Limits(1))


@pytest.mark.parametrize("mine", [prefixspan, spade])
def test_too_many_patterns_are_refused_with_what_to_do(mine: Miner) -> None:
    sequences = Sequences.of([[0, 1, 2, 3]] * 2)
    assert len(mine(sequences, Limits(2, most=15))) == 15
    with pytest.raises(BadInput, match="more than 14 patterns are in 2 sessions") as caught:
        mine(sequences, Limits(2, most=14))
    assert "raise --min-support" in caught.value.action
