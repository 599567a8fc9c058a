"""Training rows know nothing of the future; metrics, split and export are what they say."""

from __future__ import annotations

import random

import numpy as np
import orjson
import polars as pl
import pytest
from sklearn import metrics

from cli.train import generated_events
from connectors.errors import BadInput, ModelRefused
from connectors.model_inputs import CHURN, INTENT, OFFERED
from connectors.model_runtime import load
from jobs.training import evaluation, export, gate, pipeline, report
from jobs.training.events import read_events, table, with_sessions
from jobs.training.examples import Examples, Split, shuffled_split, split_in_time
from jobs.training.features import as_table, feature_rows
from jobs.training.pipeline import LAST_ACTION, PRIOR, Task
from jobs.training.rows import HOUR_MS, Moments, churn_rows, intent_rows
from jobs.training.tables import column_aucs, table_examples

HOUR = HOUR_MS


@pytest.fixture(scope="module")
def shop() -> pl.DataFrame:
    return generated_events(12_000, seed=3)


def message(number, kind="page_view", at=0, visitor="v", **more):
    event = {"schema": "event/1", "event_id": f"e{number}", "event_type": kind, "event_time_ms": at}
    return orjson.dumps({**event, "visitor_id": visitor, **more})


def features_of(events):
    return as_table(feature_rows(with_sessions(events).lazy())).collect()


def test_events_are_valid_ones_once_and_in_order(tmp_path):
    lines = [message(2, at=5, sequence=1), message(1, at=5), message(2, at=9), b"{}", b"[", message(3, at=1)]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines))
    assert read_events(tmp_path / "events.jsonl")["event_id"].to_list() == ["e3", "e1", "e2"]
    with pytest.raises(BadInput, match="no valid event"):
        table([b"{}"])
    with pytest.raises(BadInput, match="cannot be read"):
        read_events(tmp_path / "nothing.jsonl")


def test_a_feature_is_named_as_in_the_definitions(shop):
    assert tuple(features_of(shop.head(50)).columns) == OFFERED


def test_a_few_events_by_hand():
    gap = 1_800_000
    events = [
        message(1, "product_view", 0, product={"product_id": "a", "category": "x", "price": 10}),
        message(2, "add_to_cart", 4_000, product={"product_id": "a", "category": "x", "price": 10}),
        message(3, "scroll", 5_000, properties={"percent_scrolled": 40}),
        message(4, "purchase", 6_000, product={"product_id": "b", "category": "x", "price": 30}),
        message(5, "custom:wish", 6_000 + gap + 1),
    ]
    found = features_of(table(events)).to_dicts()
    last = found[3]
    assert (last["events"], last["session_seconds"], last["seconds_since_previous"]) == (4, 6, 1)
    assert (last["seconds_between_mean"], last["seconds_between_max"]) == (2, 4)
    assert last["seconds_between_std"] == pytest.approx(np.std([4, 1, 1]))
    assert (last["seconds_on_product"], last["seconds_on_cart"], last["seconds_on_other"]) == (4, 1, 1)
    assert (last["distinct_products"], last["distinct_categories"]) == (2, 1)
    assert (last["price_min"], last["price_max"], last["scroll_depth"]) == (10, 30, 40)
    assert last["price_mean"] == pytest.approx(50 / 3)
    assert [row["funnel_step"] for row in found] == [1, 2, 2, 4, 0]
    back = found[4]
    assert (back["events"], back["count_custom"], back["visitor_sessions"], back["visitor_events"]) == (
        1,
        1,
        2,
        5,
    )
    assert (back["is_single_event"], back["visitor_purchases"]) == (1, 1)
    assert back["days_away"] == pytest.approx((gap + 1) / 86_400_000)
    assert back["price_max"] is None and back["seconds_between_mean"] is None
    weights = np.exp(-np.array([6, 2, 1, 0]) / 300).sum() / 5
    assert last["events_per_minute_5m"] == pytest.approx(weights, rel=1e-6)


@pytest.mark.parametrize("model", [INTENT, CHURN])
def test_no_feature_knows_the_future(shop, model):
    """Whatever happens after a moment, the rows up to it stay: types, prices, visitors' later events."""
    rng = random.Random(5)
    cut = int(shop["event_time_ms"].quantile(0.5))  # type: ignore[arg-type]
    before = shop.filter(pl.col("event_time_ms") <= cut)
    after = shop.filter(pl.col("event_time_ms") > cut)
    kinds = ["purchase", "add_to_cart", "page_view", "checkout_start"]
    other = after.sample(fraction=0.6, seed=1).with_columns(
        pl.Series("event_type", [rng.choice(kinds) for _ in range(int(len(after) * 0.6))]),
        pl.lit(999.0).alias("price"),
    )
    changed = pl.concat([before, other]).sort("event_time_ms", "sequence", "event_id")
    rows = features_of(shop).head(len(before))
    assert rows.equals(features_of(changed).head(len(before)), null_equal=True)
    assert rows.equals(features_of(before), null_equal=True)


def test_intent_labels_come_from_the_rest_of_the_session():
    kinds = ["product_view", "add_to_cart", "page_view", "purchase", "page_view", "page_view"]
    events = table([message(n, kind, n * 1_000) for n, kind in enumerate(kinds)])
    rows = intent_rows(events, Moments(every=1))
    assert rows.labels.tolist() == [True, True, True], "no rows after the purchase"
    assert rows.points.tolist() == ["event", "event+first_cart", "event"]
    assert rows.known_ms.tolist() == [5_000 + 1_800_000] * 3
    assert intent_rows(events, Moments(every=5, most_events=1_000)).points.tolist() == ["first_cart"]


def test_a_purchase_of_the_next_session_is_no_purchase_of_this_one():
    events = table([message(1, "page_view", 0), message(2, "purchase", 1_800_001)])
    assert intent_rows(events, Moments(every=1)).labels.tolist() == [False]


def test_churn_labels_and_what_cannot_be_known_yet():
    times = {"a": [0, 10 * HOUR], "b": [0], "c": [0, 30 * HOUR], "d": [29 * HOUR]}
    events = table(message(f"{who}{at}", at=at, visitor=who) for who, ats in times.items() for at in ats)
    rows = churn_rows(events, Moments(horizon_ms=20 * HOUR))
    # Three sessions at 0 (a comes back, b and c do not within 20 h) and a's second; the others end too late.
    assert sorted(zip(rows.at_ms.tolist(), rows.labels.tolist(), strict=True)) == [
        (0, False), (0, True), (0, True), (10 * HOUR, True)
    ]  # fmt: skip
    with pytest.raises(BadInput, match="horizon"):
        churn_rows(events, Moments(horizon_ms=99 * HOUR))


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
    return Examples(columns, names, labels, times, times, times // 3, np.full(count, "event"), kinds)


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
    return Examples(columns, ("x",), labels, times, times, times, np.full(count, "e"), np.full(count, "a"))


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
