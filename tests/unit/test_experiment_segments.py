"""An experiment by segment: a planted interaction is found, none is seldom seen, segments are as of the exposure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from scipy import stats

from cli.experiment import main
from connectors.contracts.experiments import Experiment
from jobs.offline.experiments import estimates
from jobs.offline.experiments.by_segment import LEAST, by_segment
from tests import experiment_worlds as worlds

Document = dict[str, Any]
DAY, NOW = 86_400_000, 1_700_000_000_000
ONE = Experiment(name="colours", version=1, arms={"control": 1, "red": 1})


def test_a_planted_interaction_is_found() -> None:
    found = by_segment(worlds.segmented(np.random.default_rng(1), 6_000, {"at_risk": 1.5}), "control", 6_000)
    (conversion,) = [one for one in found.interactions if one.metric == "conversion"]
    assert conversion.p_holm < 1e-3 and conversion.degrees == 3
    sure = {
        one.segment for one in found.estimates if one.p_holm < 0.05 and one.estimate.metric == "conversion"
    }
    assert "at_risk" in sure
    (planted,) = [
        one for one in found.estimates if one.segment == "at_risk" and one.estimate.metric == "conversion"
    ]
    assert planted.low > 0 and planted.estimate.p_holm < 0.01


def test_without_an_interaction_alarms_are_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arm that does the same everywhere: at most one in twenty alarms, and 3 standard errors."""
    monkeypatch.setattr(estimates, "METRICS", {"conversion": ("converted", None)})
    chance, runs, alarms = np.random.default_rng(2), 60, np.zeros(2)
    for _ in range(runs):
        found = by_segment(worlds.segmented(chance, 4_000, {}), "control", 4_000)
        alarms += [found.interactions[0].p_holm < 0.05, min(one.p_holm for one in found.estimates) < 0.05]
    assert (alarms / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5).all()


def test_the_interaction_of_two_segments_is_their_difference() -> None:
    rows = worlds.segmented(np.random.default_rng(3), 3_000, {})
    two = rows.with_columns(
        pl.col("segment").replace({"new": "a", "casual": "a", "at_risk": "b"}).fill_null("b")
    )
    found = by_segment(two, "control", 3_000)
    for one in found.interactions:
        first, _ = (each for each in found.estimates if each.estimate.metric == one.metric)
        z = stats.norm.isf(first.p / 2)
        assert one.q == pytest.approx(z**2, rel=1e-6) and one.p == pytest.approx(first.p, rel=1e-6)


def test_a_small_segment_has_no_estimates() -> None:
    rows = worlds.segmented(np.random.default_rng(4), 2_000, {})
    few = rows.with_row_index("n").with_columns(
        pl.when(pl.col("n") < LEAST).then(pl.lit("rare")).otherwise("segment").alias("segment")
    )
    found = by_segment(few, "control", 2_000)
    assert found.too_small == ["rare"] and sum(found.visitors["rare"].values()) == LEAST
    assert not [one for one in found.estimates if one.segment == "rare"]


def lines(path: Path, documents: list[Document]) -> str:
    path.write_text("\n".join(map(json.dumps, documents)))
    return str(path)


def event(visitor: str, kind: str, at: int, **more: Any) -> Document:
    head = {"schema": "event/1", "event_id": f"{visitor}-{kind}-{at}", "event_type": kind}
    return {**head, "event_time_ms": at, "visitor_id": visitor, **more}


def test_the_segment_is_that_of_the_first_exposure(tmp_path: Path) -> None:
    """Fresh visitors are new, others were here once 20 days ago; what they do after the exposure changes nothing."""
    exposed, events = [], []
    for number in range(1_000):
        arm, fresh, visitor = ("control", "red")[number % 2], number % 4 < 2, f"v{number}"
        told = {"experiment": "colours", "version": 1, "plan": ONE.plan, "unit": visitor, "slot": "s"}
        exposed.append(
            {**told, "visitor_id": visitor, "arm": arm, "exposed_at_ms": NOW, "content_version": "c"}
        )
        exposed.append({**exposed[-1], "exposed_at_ms": NOW + 2 * DAY})
        events.append(event(visitor, "page_view", NOW - (DAY if fresh else 20 * DAY)))
        if number % 3 == 0 or (fresh and arm == "red" and number % 3 == 1):
            order = {"order_id": visitor, "revenue": 9.0 + number % 5, "currency": "EUR"}
            events.append(event(visitor, "purchase", NOW + DAY, order=order))
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "a.yaml").write_text(
        "experiments: [{name: colours, version: 1, arms: {control: 1, red: 1}}]"
    )
    files = {"--exposures": lines(tmp_path / "x", exposed), "--events": lines(tmp_path / "e", events)}
    given = [part for pair in files.items() for part in pair] + ["--experiments", str(tmp_path / "plan")]
    out = str(tmp_path / "out")
    told = CliRunner().invoke(main, ["analyse", "colours", *given, "--by", "segment", "--json", "--out", out])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)["by_segment"]
    assert found["visitors"] == {"lapsed": {"control": 250, "red": 250}, "new": {"control": 250, "red": 250}}
    effects = {
        one["segment"]: one["estimate"]["effect"]
        for one in found["estimates"]
        if one["estimate"]["metric"] == "conversion"
    }
    assert effects["new"] == pytest.approx(1 / 3, abs=0.02) and effects["lapsed"] == pytest.approx(
        0, abs=0.02
    )
    (conversion,) = [one for one in found["interactions"] if one["metric"] == "conversion"]
    assert conversion["p_holm"] < 1e-3
    assert "By segment" in (tmp_path / "out" / "report.html").read_text()
    plain = CliRunner().invoke(main, ["analyse", "colours", *given, "--by", "segment"])
    assert "red conversion: the effect differs between segments" in plain.stdout
    without = CliRunner().invoke(main, ["analyse", "colours", *given, "--json"])
    assert json.loads(without.stdout)["by_segment"] is None
