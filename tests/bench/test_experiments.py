"""Simulated experiments: false alarms of fifty looks, faults of the split, coverage. Figures: docs/experiments.md."""

from __future__ import annotations

import pytest
from rich.console import Console

from jobs.offline.experiments.sequential import RATIO_ALPHA
from tests import experiment_worlds as worlds

CONSOLE = Console(stderr=True)


@pytest.mark.parametrize("revenue", [False, True])
def test_false_alarms_of_fifty_looks(revenue: bool) -> None:
    always, once = worlds.false_alarms(worlds.same_arms(1, 2_000, revenue=revenue))
    CONSOLE.print(
        f"{'revenue' if revenue else 'conversion'}: {always:.2%} of 2,000 alarm, {once:.1%} without"
    )
    assert always <= 0.065


def test_faults_of_the_split() -> None:
    found = {share: worlds.ratio_alarms(1, share, 2_000, 20_000, RATIO_ALPHA) for share in (0.48, 0.5)}
    CONSOLE.print(
        f"split 48:52 found before 20,000 units: {found[0.48]:.1%}; 50:50 called wrong: {found[0.5]:.2%}"
    )
    assert found[0.48] >= 0.9 and found[0.5] <= RATIO_ALPHA * 3


def test_coverage_of_a_planted_uplift() -> None:
    found = worlds.covered(1, 500)
    CONSOLE.print(
        f"95 % interval has the uplift of 20 %: { ({name: f'{one:.1%}' for name, one in found.items()}) }"
    )
    assert min(found.values()) >= 0.93


def test_interactions_with_segments() -> None:
    none, planted = (worlds.segment_alarms(1, 100, 4_000, uplifts) for uplifts in ({}, {"at_risk": 1.0}))
    CONSOLE.print(
        f"no interaction: {none[0]:.1%} alarm, by segment {none[1]:.1%}; planted: {planted[0]:.1%} found"
    )
    assert max(none) <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5 and planted[0] >= 0.8
