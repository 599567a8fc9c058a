"""Training rows: out of lines, lake or log; as the stream has them; knowing nothing of the future."""

from __future__ import annotations

import math
import random
from itertools import islice

import numpy as np
import orjson
import polars as pl
import pytest

from cli.package import ROOT
from cli.train import generated_events
from connectors.errors import BadInput
from connectors.model_inputs import CHURN, INTENT, OFFERED
from connectors.model_registry import Registry
from jobs.training.events import read_events, table, with_sessions
from jobs.training.features import as_table, feature_rows
from jobs.training.logged import logged_examples
from jobs.training.monitor import read_log
from jobs.training.rows import HOUR_MS, Moments, churn_rows, intent_rows, model_rows
from tests import datasets, feature_oracle, model_traffic
from tests.lake_files import write_lake

HOUR = HOUR_MS
REGISTRY = Registry(ROOT / "model_artifacts")


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


def test_the_lake_gives_the_same_events_as_its_lines(tmp_path):
    odd = [
        {"product": {"price": -1}, "properties": {"percent_scrolled": 40}},
        {"event_type": "scroll", "properties": {"percent_scrolled": "30.5"}},
        {"event_type": "scroll", "properties": {"percent_scrolled": 300}},
        {"context": {"device": "mobile", "channel": "email"}, "sequence": 3},
        {"product": {"product_id": "p", "category": "c", "price": 9.5}, "event_id": "e0"},
    ]
    lines = [message(number, at=7_000_000 * (number % 3), **more) for number, more in enumerate(odd)]
    expected = table(lines)
    found = read_events(write_lake(tmp_path / "lake", map(orjson.loads, lines)))
    assert found.equals(expected, null_equal=True) and len(found) == 4
    with pytest.raises(BadInput, match="no lake"):
        read_events(tmp_path)
    (tmp_path / "events").mkdir()
    with pytest.raises(BadInput, match="holds no event yet"):
        read_events(tmp_path)


@pytest.mark.parametrize("model", [INTENT, CHURN])
def test_what_was_scored_teaches_what_the_events_teach(shop, model):
    """The log's own vectors with labels from the events are the rows that the events alone give."""
    pointer = REGISTRY.pointer(model)
    scored = list(model_traffic.scores(REGISTRY.load(model, pointer, OFFERED), shop))
    moments = Moments(horizon_ms=HOUR)
    found = logged_examples(read_log(scored, model), model, shop, moments)
    rows = model_rows(model, shop, moments)
    end_ms = shop["event_time_ms"].max()
    known = rows.where(rows.known_ms <= end_ms)
    assert len(found) == len(known) > 200
    assert (
        found.labels.tolist() == known.labels.tolist()
        and found.last_actions.tolist() == known.last_actions.tolist()
    )
    assert np.array_equal(found.features, known.features, equal_nan=True)
    later = shop.with_columns(pl.col("event_time_ms") + 1)
    with pytest.raises(BadInput, match="none of"):
        logged_examples(read_log(scored, model), model, later, moments)


REAL = {"rees46_0000_0214": 4_000, "ga360_20160801_20160814": 4_000}


@pytest.mark.parametrize("stream", REAL)
def test_rows_equal_the_naive_features_on_real_data(stream):
    """The stream's statements are held to the same naive ones (tests/sql/test_features_sql.py)."""
    documents = list(islice(datasets.canonical_events(stream), REAL[stream]))
    rows = feature_rows(with_sessions(table(map(orjson.dumps, documents))).lazy()).collect()
    found = {row["event_id"]: row for row in rows.to_dicts()}
    expected = {event: values for event, _, values in feature_oracle.features(documents, gap_ms=1_800_000)}
    assert found.keys() == expected.keys()
    for event, values in expected.items():
        for name, value in values.items():
            here = found[event][name]
            is_close = None not in (here, value) and math.isclose(here, value, rel_tol=1e-5, abs_tol=1e-4)
            assert is_close or (here is None and value is None), (event, name, here, value)


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
