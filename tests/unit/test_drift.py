"""The stability index: alarms when something has moved, and hardly ever when nothing has."""

from __future__ import annotations

import numpy as np
import pytest

from state.drift import (  # fmt: skip
    MIN_ROWS,
    MOVED,
    binned,
    distribution,
    expected_by_chance,
    moved,
    stability_index,
)

WINDOWS = 100


@pytest.fixture(scope="module")
def columns():
    """Skewed, discrete, with gaps, constant."""
    rng = np.random.default_rng(2)
    gaps = rng.exponential(30, 20_000)
    gaps[rng.random(20_000) < 0.4] = np.nan
    return {"seconds": rng.exponential(30, 20_000), "count": rng.poisson(0.4, 20_000).astype(float), "gaps": gaps,
            "constant": np.full(20_000, 3.0)}  # fmt: skip


def windows(values, seed, change=lambda rows: rows):
    rng = np.random.default_rng(seed)
    reference = distribution(values)
    draws = (change(rng.choice(values, MIN_ROWS)) for _ in range(WINDOWS))
    return [stability_index(binned(rows, reference), reference) for rows in draws]


@pytest.mark.parametrize("name", ["seconds", "count", "gaps", "constant"])
def test_stable_traffic_does_not_alarm(columns, name):
    indices = windows(columns[name], 3)
    assert sum(index > MOVED for index in indices) == 0
    reference = distribution(columns[name])
    assert np.mean(indices) == pytest.approx(expected_by_chance(reference, MIN_ROWS), rel=0.5, abs=0.003)


CHANGES = {
    "longer": ("seconds", lambda rows: rows * 2.5),
    "more": ("count", lambda rows: rows + 1),
    "missing": ("gaps", lambda rows: np.where(np.arange(len(rows)) % 2, np.nan, rows)),
    "another constant": ("constant", lambda rows: rows + 1),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_has_moved_alarms_in_every_window(columns, case):
    name, change = CHANGES[case]
    assert min(windows(columns[name], 4, change)) > MOVED


def test_bins():
    reference = distribution(np.array([0.0, 0, 0, 1, 2, 3, np.nan]), bins=3)
    assert reference.edges == (-0.5, 1.5, 3.5) and reference.median == 0.5
    assert binned(np.array([-1, 0.9, 1, 5, 6, np.nan]), reference).tolist() == [1, 2, 0, 2, 1]
    assert sum(reference.shares) == pytest.approx(1)
    empty = distribution(np.array([np.nan, np.nan]))
    assert empty.edges == () and empty.shares == (0, 1)
    assert distribution(np.array([])).shares == (1, 0)


def test_values_that_are_nearly_the_same_are_the_same():
    """A tree's few scores as the trainer has them, and as they come out of a worker and its documents."""
    rng = np.random.default_rng(4)
    leaves = rng.random(7)
    scores = rng.choice(leaves, 5_000)
    reference = distribution(scores)
    for near in (scores.astype(np.float32), np.round(scores, 6), scores + rng.normal(0, 1e-6, len(scores))):
        assert stability_index(binned(near, reference), reference) < 1e-9
    constant = distribution(np.full(9, 0.3))
    assert binned(np.array([0.3, 0.3000001, 0.2999999, 0.31]), constant).tolist() == [0, 3, 1, 0]


def test_the_worst_comes_first():
    assert moved({"a": 0.1, "b": 0.3, "c": 0.9}) == ["c", "b"]
