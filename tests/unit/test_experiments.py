"""Experiments: what is refused and how it is told; that assignment is even, stays, and moves nobody."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.contracts.experiments import Experiment, Experiments, Holdout, assign, refrozen
from connectors.errors import BadInput
from connectors.files.experiments import NONE, load
from stack.package import ROOT

UNITS = [f"d-{number}" for number in range(20_000)]


def experiment(name: str = "colours", **members: Any) -> Experiment:
    return Experiment.model_validate(
        {"name": name, "version": 1, "arms": {"control": 1, "red": 1, "blue": 2}, **members}
    )


def share(salt: str, unit: str) -> float:
    """The first eight bytes of SHA-256, as a number in [0, 1)."""
    return int(hashlib.sha256(f"{salt}\n{unit}".encode()).hexdigest()[:16], 16) / 2**64


def test_the_shipped_example_is_right() -> None:
    found = load(ROOT / "examples" / "experiments")
    assert [one.name for one in found.experiments] == ["cart_offer", "cart_headline"] and found.holdout


def test_an_arm_is_what_sha_256_says() -> None:
    """Of blue, control, red the first half, the next quarter, the last."""
    one = experiment()
    ends = [("blue", 0.5), ("control", 0.75), ("red", 1.0)]
    assert [one.arm(unit) for unit in UNITS[:500]] == [
        next(arm for arm, end in ends if share("colours/1/arm", unit) < end) for unit in UNITS[:500]
    ]


def test_arms_have_their_weights() -> None:
    counts = Counter(experiment().arm(unit) for unit in UNITS)
    for arm, weight in {"control": 0.25, "red": 0.25, "blue": 0.5}.items():
        assert counts[arm] == pytest.approx(weight * len(UNITS), abs=4 * 71)  # four standard deviations


def test_a_growing_ramp_moves_no_unit() -> None:
    before, after = experiment(ramp=0.1), experiment(ramp=0.6)
    inside = [unit for unit in UNITS if before.arm(unit)]
    assert len(inside) == pytest.approx(0.1 * len(UNITS), abs=4 * 43)
    assert [after.arm(unit) for unit in inside] == [before.arm(unit) for unit in inside]


def test_the_order_of_arms_and_the_text_around_change_nothing() -> None:
    turned = experiment(arms={"blue": 2, "red": 1, "control": 1}, description="other")
    assert turned.plan == experiment().plan
    assert [turned.arm(unit) for unit in UNITS[:200]] == [experiment().arm(unit) for unit in UNITS[:200]]


def test_another_version_is_another_draw() -> None:
    same = sum(experiment().arm(unit) == experiment(version=2).arm(unit) for unit in UNITS)
    assert same == pytest.approx((2 / 16 + 1 / 4) * len(UNITS), abs=4 * 69)


def test_experiments_of_a_layer_share_no_unit() -> None:
    first = experiment("first", layer={"name": "banner", "begin": 0.0, "end": 0.5})
    second = experiment("second", layer={"name": "banner", "begin": 0.5, "end": 1.0})
    both = Experiments(experiments=[first, second])
    assert all(len(assign(both, unit)) == 1 for unit in UNITS)


def test_who_is_held_out_is_in_no_experiment_and_stays_so() -> None:
    small, large = (
        Experiments(holdout=Holdout(version=1, share=share), experiments=[experiment()])
        for share in (0.1, 0.2)
    )
    held_out = [unit for unit in UNITS if assign(small, unit) == {"holdout": "held_out"}]
    assert len(held_out) == pytest.approx(0.1 * len(UNITS), abs=4 * 43)
    assert all(assign(large, unit) == {"holdout": "held_out"} for unit in held_out)
    assert all(set(assign(small, unit)) == {"holdout", "colours"} for unit in set(UNITS) - set(held_out))


def test_a_version_is_frozen_and_a_ramp_is_not() -> None:
    old = Experiments(experiments=[experiment()])
    assert refrozen(Experiments(experiments=[experiment(ramp=0.2)]), old) == []
    changed = {"arms": {"control": 1, "red": 1}}
    assert refrozen(Experiments(experiments=[experiment(**changed, version=2)]), old) == []
    (told,) = refrozen(Experiments(experiments=[experiment(**changed)]), old)
    assert told.startswith("colours: version 1 has other arms") and told.endswith("needs version 2")


GOOD = "experiments:\n  - {name: a, version: 1, arms: {control: 1, b: 1}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("experiments:\n  - {name: a, version: 1, arms: {control: 1}}", ":2: experiments.0.arms: "),
        (GOOD + ", ramp: 2}", ":2: experiments.0.ramp: "),
        (GOOD + ", control: c}", ":2: experiments.0: one of the arms control, b is required, 'c' came"),
        (GOOD + ", triggers: {actions: [x], held_out: [c]}}", "one of the arms control, b is required"),
        (GOOD + ", layer: {name: l, begin: 1, end: 0}}", ":2: experiments.0.layer: begin must be below end"),
        (GOOD + ", wieghts: 1}", ":2: experiments.0.wieghts: unknown key; remove it or correct its name"),
        (GOOD.replace("name: a", "name: holdout") + "}", "is the global holdout's name"),
        (GOOD.replace("version: 1, ", "") + "}", ":2: experiments.0.version: required; add it"),
        ("holdout: {version: 1, share: 0.7}", ":1: holdout.share: "),
        ("experiments: [", ":1: not YAML"),
        ("- a", ":1: a mapping of holdout and experiments is required"),
    ],
)
def test_errors_name_file_line_and_field(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(BadInput) as error:
        load(tmp_path)
    assert told in error.value.message and str(tmp_path / "a.yaml") in error.value.message


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("{name: a, version: 2, arms: {control: 1, b: 1}}", ":2: experiments.0.name: a is there already"),
        ("{name: b, version: 1, arms: {control: 1, b: 1}, layer: {name: l, begin: 0.4, end: 1}}", "layer l"),
        ("{name: b, version: 1, arms: {control: 1, b: 1}, triggers: {actions: [x]}}", "x is that of a too"),
    ],
)
def test_experiments_that_do_not_go_together_are_refused(tmp_path: Path, more: str, told: str) -> None:
    layer = ", layer: {name: l, begin: 0, end: 0.5}, triggers: {actions: [x]}}"
    (tmp_path / "a.yaml").write_text(GOOD + layer)
    (tmp_path / "b.yaml").write_text(f"experiments:\n  - {more}")
    with pytest.raises(BadInput) as error:
        load(tmp_path)
    assert told in error.value.message and "b.yaml" in error.value.message


def test_there_is_one_holdout_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no experiments"):
        load(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("holdout: {version: 1, share: 0.1}")
    with pytest.raises(BadInput, match=r"b\.yaml: holdout: a\.yaml has one"):
        load(tmp_path)
    assert load("") == NONE
