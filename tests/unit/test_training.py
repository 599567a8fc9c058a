"""Metrics, split, gate, report and export are what they say."""

from __future__ import annotations

import numpy as np
import orjson
import polars as pl
import pytest
from sklearn import metrics

from connectors.contracts.model_inputs import INTENT
from connectors.errors import BadInput, ModelRefused
from jobs.offline.training import evaluation, export, gate, pipeline, report
from jobs.offline.training.examples import Examples, Split, shuffled_split, split_in_time
from jobs.offline.training.pipeline import LAST_ACTION, PRIOR, Task
from jobs.offline.training.tables import column_aucs, table_examples
from udfs.model_runtime import load


def examples(count=2_000, seed=0) -> Examples:
    """One informative column, one of noise, one with gaps, one that never changes."""
    rng = np.random.default_rng(seed)
    columns = np.abs(rng.normal(size=(count, 4))).astype(np.float32)
    columns[rng.random(count) < 0.3, 2] = np.nan
    columns[:, 3] = 7
    labels = rng.random(count) < 1 / (1 + np.exp(-(3 * columns[:, 0] - 4)))
    times = np.arange(count)
    kinds = np.where(columns[:, 0] > 1.5, "add_to_cart", "page_view")
    names = ("useful", "noise", "gaps", "constant")
    return Examples(columns, names, labels, times, times, times // 3, times, np.full(count, "event"), kinds)


def test_parts_follow_each_other_and_labels_do_not_reach_over():
    rows = examples(1_000)
    late = Examples(**{**vars(rows), "known_ms": rows.at_ms + 50})
    parts = split_in_time(late, test_from_ms=700, valid_from_ms=500)
    assert parts.train.at_ms.max() == 450 and parts.train.known_ms.max() == 500
    assert (parts.valid.at_ms.min(), parts.valid.at_ms.max()) == (500, 650)
    assert parts.test.at_ms.min() == 700
    with pytest.raises(BadInput, match="the test part has 0 rows"):
        split_in_time(rows, 5_000, 500)


def test_a_visitor_is_in_one_part_only():
    parts = shuffled_split(examples(), seed=1)
    owners = [set(part.owners.tolist()) for part in (parts.train, parts.valid, parts.test)]
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]


def test_each_session_weighs_as_much_as_any_other():
    rows = examples(6)
    some = Examples(**{**vars(rows), "sessions": np.array([1, 1, 1, 2, 3, 3])})
    assert some.weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2, 1, 1])
    assert some.where(some.sessions > 1).weights.tolist() == pytest.approx([1.5, 0.75, 0.75])
    assert rows.weights.tolist() == [1] * 6


def test_what_never_changes_is_no_input():
    rows = examples(100)
    assert rows.constant() == ["constant"]
    assert rows.without(["constant", "noise"]).names == ("useful", "gaps")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    task = Task(INTENT, "a test", 1, "0", {"lightgbm": 2, "network": 1, "logistic": 1})
    rows = examples()
    return pipeline.run(task, split_in_time(rows, 1_500, 1_000), tmp_path_factory.mktemp("version"))


def test_every_kind_of_model_equals_its_graph(outcome):
    rows = pipeline.parity_rows(outcome.split, 1)
    assert len(rows) == export.PARITY_ROWS
    for model in outcome.models.values():
        graph = export.to_graph(model, rows.shape[1])
        assert export.parity(model, graph, rows) < export.PARITY
        assert graph == export.to_graph(model, rows.shape[1])


def test_a_graph_of_another_model_is_noticed(outcome):
    first, second = list(outcome.models.values())[:2]
    rows = outcome.split.test.features
    with pytest.raises(ModelRefused, match="differs"):
        export.parity(first, export.to_graph(second, rows.shape[1]), rows)


def test_the_version_is_sound_and_better_than_trivial(outcome):
    assert outcome.split.train.names == ("useful", "noise", "gaps")
    assert outcome.beats(PRIOR) and outcome.beats(LAST_ACTION)
    assert gate.objections(outcome) == []
    assert next(iter(outcome.manifest.importance)) == "useful"
    assert outcome.manifest.training.positives == outcome.split.train.labels.sum()


def test_the_same_seed_gives_the_same_version(outcome, tmp_path):
    again = pipeline.run(outcome.task, outcome.split, tmp_path)
    assert again.manifest == outcome.manifest
    assert load(tmp_path / again.manifest.version).manifest == outcome.manifest


def test_the_gate_says_why(outcome):
    better = evaluation.Estimate(0.99, 0.98, 1.0)
    assert "below the live model's" in gate.objections(outcome, better)[0]
    leaking = Split(*(_leaking(part) for part in vars(outcome.split).values()))
    suspects = evaluation.too_good(leaking.train)
    assert list(suspects) == ["useful"]


def _leaking(part: Examples) -> Examples:
    features = part.features.copy()
    features[:, 0] = part.labels
    return Examples(**{**vars(part), "features": features})


def test_the_report_has_its_parts(outcome, tmp_path):
    page = report.write(outcome, ["too warm <today>"], tmp_path / "report").read_text()
    assert "too warm &lt;today&gt;" in page and "average precision" in page
    for name in ("calibration", "lift", "importance"):
        assert (tmp_path / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    numbers = orjson.loads((tmp_path / "report" / "report.json").read_bytes())
    assert numbers["rows"]["test"]["rows"] == 500


def test_the_threshold_is_the_best_cut():
    scores, labels = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False])
    assert export.best_threshold(scores, labels) == 0.8
    assert export.best_threshold(np.array([0.9, 0.9]), np.array([True, False])) == 0.9


def test_metrics_are_scikit_learns():
    rng = np.random.default_rng(1)
    labels, scores = rng.random(500) < 0.3, np.round(rng.random(500), 2)
    weights = rng.integers(0, 4, 500).astype(float)
    found = evaluation.Judge(labels, scores, 0.4).metrics(weights)
    options = {"sample_weight": weights}
    clipped = np.clip(scores, 1e-7, 1 - 1e-7)
    expected = {
        "auc": metrics.roc_auc_score(labels, scores, **options),
        "average_precision": metrics.average_precision_score(labels, scores, **options),
        "log_loss": metrics.log_loss(labels, clipped, **options),
        "brier": metrics.brier_score_loss(labels, scores, **options),
        "precision": metrics.precision_score(labels, scores >= 0.4, **options),
        "recall": metrics.recall_score(labels, scores >= 0.4, **options),
        "f1": metrics.f1_score(labels, scores >= 0.4, **options),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_metrics_of_known_scores():
    labels = np.array([True, False, True, False] * 50)
    perfect = evaluation.evaluate(_judged(labels), labels.astype(float), 0.5, 1)
    assert perfect["auc"].value == perfect["f1"].value == 1 and perfect["brier"].value == 0
    assert perfect["auc"].low == 1
    even = evaluation.evaluate(_judged(labels), np.full(200, 0.5), 0.5, 1)
    assert even["average_precision"].value == 0.5 and even["calibration_error"].value == pytest.approx(
        0, abs=0.06
    )
    assert even["average_precision"].low < 0.5 < even["average_precision"].high


def _judged(labels) -> Examples:
    count = len(labels)
    columns, times = np.zeros((count, 1), np.float32), np.arange(count)
    texts = np.full(count, "e"), np.full(count, "a")
    return Examples(columns, ("x",), labels, times, times, times, times, *texts)


def test_a_plain_table():
    rows = pl.DataFrame(
        {
            "Kind": ["New", "Old"] * 10,
            "Weekend": [True, False] * 10,
            "n": range(20),
            "Revenue": ["TRUE", "FALSE"] * 10,
        }
    )
    found = table_examples(rows, "Revenue", ["n"])
    assert found.names == ("weekend", "kind_new", "kind_old") and found.labels.sum() == 10
    assert column_aucs(rows, "Revenue")["kind_new"] == 1
    with pytest.raises(BadInput, match="no column 'revenue'"):
        table_examples(rows, "revenue", [])
