"""Drift, quality and comparison over the log of scores: generated traffic, stable and changed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli import models as command
from connectors.contracts.model_inputs import INTENT, OFFERED
from connectors.models.registry import Registry
from jobs.offline.training.monitor import comparison, drift, quality, read_log
from jobs.offline.training.rows import Moments
from stack.package import ROOT
from stack.shop.history import generated_events
from state.drift import MOVED
from tests import model_traffic
from udfs.model_runtime import load_pointed

REGISTRY = Registry(ROOT / "model_artifacts")
HOUR = 3_600_000


@pytest.fixture(scope="module")
def model():
    pointer = REGISTRY.pointer(INTENT)
    return load_pointed(REGISTRY, INTENT, pointer, OFFERED)


@pytest.fixture(scope="module")
def events():
    """A day of the shop that the shipped model was trained on."""
    return generated_events(30_000, seed=1)


@pytest.fixture(scope="module")
def log(model, events):
    return read_log(list(model_traffic.scores(model, events)), INTENT)


def test_stable_traffic_does_not_alarm(model, log):
    found = [window for window in drift(log, model.manifest, 3 * HOUR) if window.rows >= 500]
    assert len(found) >= 4
    assert [window.alarms for window in found] == [()] * len(found)


def dearer_on_tablets(event):
    found = model_traffic.with_product(event, price=5 * event.get("product", {}).get("price", 1))
    return {**found, "context": {**event.get("context", {}), "device": "tablet"}}


def test_changed_traffic_alarms_in_every_window(model, events):
    changed = model_traffic.changed(events, dearer_on_tablets)
    log = read_log(list(model_traffic.scores(model, changed)), INTENT)
    found = [window for window in drift(log, model.manifest, 3 * HOUR) if window.rows >= 500]
    assert found and all("price_max" in window.alarms for window in found)
    assert all(window.indices["price_max"] > MOVED for window in found)


def test_few_rows_raise_no_alarm(model, log):
    assert all(not window.alarms for window in drift(log, model.manifest, HOUR // 60))


def test_quality_is_known_once_labels_are(model, log, events):
    found = quality(log, INTENT, events, Moments(), model.manifest, 1_000 * HOUR)
    (window,) = found
    assert 0 < window.rows <= len(log) and window.positives > 50
    assert 0.55 < window.metrics["auc"] < 1
    early = model_traffic.head(events, 15_000)
    assert quality(log, INTENT, early, Moments(), model.manifest, 1_000 * HOUR)[0].rows < window.rows


def test_a_shadow_is_compared_on_common_moments(model, events):
    log = read_log(list(model_traffic.scores(model, events, shadow=lambda score: score / 2)), INTENT)
    found = comparison(log, model.manifest)
    assert found["rows"] == len(log)
    assert found["mean_shadow"] == pytest.approx(found["mean_live"] / 2)
    assert found["rank_correlation"] == pytest.approx(1)
    assert found["called_by_shadow_alone"] == 0 < found["called_by_live_alone"]


def test_without_a_shadow_there_is_nothing_to_compare(model, log):
    assert comparison(log, model.manifest) == {}


def test_a_repeated_score_counts_once(model, events):
    documents = list(model_traffic.scores(model, model_traffic.head(events, 2_000)))
    assert len(read_log(documents * 2, INTENT)) == len(documents)


def run(*arguments):
    return CliRunner().invoke(command.main, ["--models", str(REGISTRY.root), *arguments])


def test_the_commands(model, events, tmp_path):
    scores, happened = tmp_path / "scores.jsonl", tmp_path / "events.jsonl"
    first = model_traffic.head(events, 9_000)
    scores.write_bytes(b"\n".join(model_traffic.scores(model, first, shadow=lambda score: score)))
    happened.write_bytes(b"\n".join(value for _, value in first.messages()))
    stable = run("drift", INTENT, "--scores", str(scores), "--window-hours", "100")
    assert stable.exit_code == 0 and "stable" in stable.output
    judged = run(
        "quality", INTENT, "--scores", str(scores), "--events", str(happened), "--window-hours", "1000"
    )
    assert judged.exit_code == 0 and "auc" in judged.output
    compared = run("compare", INTENT, "--scores", str(scores))
    assert "rank correlation         1.0" in compared.output
    assert run("drift", "nobody", "--scores", str(scores)).exit_code == 2
    for arguments in (["list"], ["show", INTENT], ["verify"]):
        result = run(*arguments)
        assert result.exit_code == 0 and model.manifest.version in result.output
