"""Training rows: out of lines, lake or log; what a live scorer is asked; knowing nothing of the future."""

from __future__ import annotations

import math
import random

import numpy as np
import orjson
import polars as pl
import pytest

from connectors.contracts.model_inputs import CHURN, INTENT, OFFERED
from connectors.errors import BadInput
from connectors.models.registry import Registry
from jobs.offline.training.asked import asked_in
from jobs.offline.training.events import Messages, read_events
from jobs.offline.training.logged import logged_examples
from jobs.offline.training.monitor import read_log
from jobs.offline.training.rows import HOUR_MS, Moments, model_rows
from stack.package import ROOT
from stack.shop.history import generated_events
from tests import datasets, feature_oracle, model_traffic
from tests.lake_files import write_lake
from udfs.model_runtime import load_pointed

HOUR = HOUR_MS
REGISTRY = Registry(ROOT / "model_artifacts")


@pytest.fixture(scope="module")
def shop() -> Messages:
    return generated_events(12_000, seed=3)


def message(number, kind="page_view", at=0, visitor="v", **more):
    event = {"schema": "event/1", "event_id": f"e{number}", "event_type": kind, "event_time_ms": at}
    return orjson.dumps({**event, "visitor_id": visitor, **more})


def intent_rows(values, moments):
    return model_rows(INTENT, Messages(values), moments)


def churn_rows(values, moments):
    return model_rows(CHURN, Messages(values), moments)


EVERY = Moments(every=1, most_events=1_000_000).options()  # intent is asked for up to the purchase


def features_of(values, options=EVERY):
    """Values by name of each event at which something is asked, in the order of time; None for a missing one."""
    asked = asked_in(Messages(values), options)
    found = {}
    for row, vector in zip(asked.rows.to_dicts(), asked.vectors.tolist(), strict=True):
        values = {
            name: None if math.isnan(value) else value for name, value in zip(OFFERED, vector, strict=True)
        }
        assert found.setdefault(row["event_id"], values) == values, "a session's end knows no more"
    return found


def ids(events):
    return [orjson.loads(value)["event_id"] for _, value in events.messages()]


def test_events_are_valid_ones_in_order(tmp_path):
    lines = [message(2, at=5), message(1, at=4), message(2, at=9), b"{}", b"[", message(3, at=1)]
    lines.append(message(4, "heartbeat", at=99))
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines))
    found = read_events(tmp_path / "events.jsonl")
    assert (ids(found), found.end_ms()) == (["e3", "e1", "e2", "e2"], 9)
    assert list(features_of(value for _, value in found.messages())) == ["e3", "e1", "e2"], (
        "a copy counts once"
    )
    with pytest.raises(BadInput, match="no valid event"):
        Messages([b"{}"])
    with pytest.raises(BadInput, match="cannot be read"):
        read_events(tmp_path / "nothing.jsonl")


def test_the_lake_gives_the_same_rows_as_its_lines(tmp_path):
    odd = [
        {"product": {"price": -1}, "properties": {"percent_scrolled": 40}},
        {"event_type": "scroll", "properties": {"percent_scrolled": "30.5"}},
        {"event_type": "scroll", "properties": {"percent_scrolled": 300}},
        {"context": {"device": "mobile", "channel": "email"}, "sequence": 3},
        {"product": {"product_id": "p", "category": "c", "price": 9.5}},
    ]
    lines = [message(number, at=7_000_000 * (number % 3), **more) for number, more in enumerate(odd)]
    lines.append(lines[2])
    lake = read_events(write_lake(tmp_path / "lake", map(orjson.loads, lines)))
    there, here = asked_in(lake, EVERY), asked_in(Messages(lines), EVERY)
    assert lake.end_ms() == here.end_ms == there.end_ms
    assert there.rows.equals(here.rows) and np.array_equal(there.vectors, here.vectors, equal_nan=True)
    with pytest.raises(BadInput, match="no lake"):
        read_events(tmp_path)
    (tmp_path / "events").mkdir()
    with pytest.raises(BadInput, match="holds no event yet"):
        read_events(tmp_path)


def test_what_was_judged_before_is_not_judged_again(tmp_path):
    """A crowd on one device was let pass by the caps of its job, and its consent events counted."""
    lines = [message(number, at=number, visitor="crowd") for number in range(400)]
    lines.append(message(401, "consent", at=500, visitor="crowd", properties={"status": "denied"}))
    lines.append(message(402, at=501, visitor="crowd"))
    lake = read_events(write_lake(tmp_path / "lake", map(orjson.loads, lines)))
    assert len(asked_in(lake, EVERY).rows) == 403 > len(asked_in(Messages(lines), EVERY).rows)


@pytest.mark.parametrize("model", [INTENT, CHURN])
def test_what_was_scored_teaches_what_the_events_teach(shop, model):
    """The log's own vectors with labels from the events are the rows that the events alone give."""
    pointer = REGISTRY.pointer(model)
    scored = list(model_traffic.scores(load_pointed(REGISTRY, model, pointer, OFFERED), shop))
    moments = Moments(horizon_ms=HOUR)
    found = logged_examples(read_log(scored, model), model, shop, moments)
    rows = model_rows(model, shop, moments)
    known = rows.where(rows.known_ms <= shop.end_ms())
    assert len(found) == len(known) > 200
    assert (
        found.labels.tolist() == known.labels.tolist()
        and found.last_actions.tolist() == known.last_actions.tolist()
    )
    assert np.array_equal(found.features, known.features, equal_nan=True)
    later = model_traffic.changed(shop, lambda event: {**event, "event_time_ms": event["event_time_ms"] + 1})
    with pytest.raises(BadInput, match="none of"):
        logged_examples(read_log(scored, model), model, later, moments)


REAL = {"rees46_0000_0214": 4_000, "ga360_20160801_20160814": 4_000}


@pytest.mark.parametrize("stream", REAL)
def test_rows_equal_the_naive_features_on_real_data(stream):
    """Whatever a live scorer is asked: the engine's other documents are held to the same naive values."""
    documents = list(datasets.canonical_events(stream, REAL[stream]))
    found = features_of(map(orjson.dumps, documents))
    expected = {event: values for event, _, values in feature_oracle.features(documents, gap_ms=1_800_000)}
    assert len(found) > 0.9 * len(expected)
    for event, row in found.items():
        for name, value in expected[event].items():
            here = row[name]
            is_close = None not in (here, value) and math.isclose(here, value, rel_tol=1e-5, abs_tol=1e-4)
            assert is_close or (here is None and value is None), (event, name, here, value)


def test_a_few_events_by_hand():
    gap = 1_800_000
    product = {"product_id": "a", "category": "x", "price": 10}
    events = [
        message(1, "product_view", 0, product=product, context={"device": "Mobile", "channel": "Email"}),
        message(2, "add_to_cart", 4_000, product=product),
        message(3, "scroll", 5_000, properties={"percent_scrolled": 40}),
        message(4, "purchase", 6_000, product={"product_id": "b", "category": "x", "price": 30}),
        message(5, "custom:wish", 6_000 + gap + 1),
    ]
    found = features_of(events)
    assert found["e1"]["is_mobile"] == found["e1"]["from_email"] == found["e2"]["last_add_to_cart"] == 1
    last, back = found["e4"], found["e5"]
    assert (last["events"], last["session_seconds"], last["seconds_since_previous"]) == (4, 6, 1)
    assert (last["seconds_between_mean"], last["seconds_between_max"]) == (2, 4)
    assert last["seconds_between_std"] == pytest.approx(np.std([4, 1, 1]))
    assert (last["seconds_on_product"], last["seconds_on_cart"], last["seconds_on_other"]) == (4, 1, 1)
    assert (last["distinct_products"], last["distinct_categories"]) == (2, 1)
    assert (last["price_min"], last["price_max"], last["scroll_depth"]) == (10, 30, 40)
    assert last["price_mean"] == pytest.approx(50 / 3)
    assert [found[f"e{number}"]["funnel_step"] for number in (1, 2, 3, 4, 5)] == [1, 2, 2, 4, 0]
    assert (back["events"], back["count_custom"], back["visitor_sessions"]) == (1, 1, 2)
    assert (back["visitor_events"], back["is_single_event"], back["visitor_purchases"]) == (5, 1, 1)
    assert back["days_away"] == pytest.approx((gap + 1) / 86_400_000)
    assert back["price_max"] is None and back["seconds_between_mean"] is None
    weights = np.exp(-np.array([6, 2, 1, 0]) / 300).sum() / 5
    assert last["events_per_minute_5m"] == pytest.approx(weights, rel=1e-6)


@pytest.mark.parametrize("model", [INTENT, CHURN])
def test_no_feature_knows_the_future(shop, model):
    """Whatever happens after a moment, the rows up to it stay: types, prices, visitors' later events."""
    chance = random.Random(5)
    cut = [at for at, _ in shop.messages()][6_000]
    kinds = ["purchase", "add_to_cart", "page_view", "checkout_start"]

    def otherwise(event):
        if event["event_time_ms"] <= cut:
            return event
        other = {**model_traffic.with_product(event, price=999.0), "event_type": chance.choice(kinds)}
        return other if chance.random() < 0.6 else None

    def up_to_the_cut(events):
        asked = asked_in(events, Moments(every=1).options())
        known = pl.max_horizontal("event_time_ms", "closed_at_ms") <= cut
        rows = asked.rows.filter(known & (pl.col("model") == model)).sort("event_time_ms", "event_id")
        return asked.vectors[rows["row"].to_numpy()]

    expected = up_to_the_cut(shop)
    found = up_to_the_cut(model_traffic.changed(shop, otherwise))
    assert len(found) > 500 and np.array_equal(found, expected, equal_nan=True)


def test_moments_are_those_of_the_stream(shop):
    """The rows are the very questions: what the stream writes of the same events is as many scores."""
    pointer = REGISTRY.pointer(INTENT)
    scored = read_log(model_traffic.scores(load_pointed(REGISTRY, INTENT, pointer, OFFERED), shop), INTENT)
    rows = model_rows(INTENT, shop, Moments())
    assert np.array_equal(scored.vectors, rows.features, equal_nan=True)


def test_a_session_is_cut_and_its_parts_are_sessions():
    day = 24 * HOUR
    events = [message(n, at=n * 1_000_000) for n in range(100)]
    rows = churn_rows(events, Moments(horizon_ms=HOUR))
    assert rows.at_ms.tolist() == [86_000_000] and not rows.labels[0], f"cut after {day} ms, and goes on"


def test_intent_labels_come_from_the_rest_of_the_session():
    kinds = ["product_view", "add_to_cart", "page_view", "purchase", "page_view", "page_view"]
    events = [message(n, kind, n * 1_000) for n, kind in enumerate(kinds)]
    rows = intent_rows(events, Moments(every=1))
    assert rows.labels.tolist() == [True, True, True], "no rows after the purchase"
    assert rows.points.tolist() == ["event", "event+first_cart", "event"]
    assert rows.known_ms.tolist() == [5_000 + 1_800_000] * 3
    assert intent_rows(events, Moments(every=5, most_events=1_000)).points.tolist() == ["first_cart"]


def test_a_purchase_of_the_next_session_is_no_purchase_of_this_one():
    events = [message(1, "page_view", 0), message(2, "purchase", 1_800_001)]
    assert intent_rows(events, Moments(every=1)).labels.tolist() == [False]


def test_churn_labels_and_what_cannot_be_known_yet():
    times = {"a": [0, 10 * HOUR], "b": [0], "c": [0, 30 * HOUR], "d": [29 * HOUR]}
    events = list(message(f"{who}{at}", at=at, visitor=who) for who, ats in times.items() for at in ats)
    rows = churn_rows(events, Moments(horizon_ms=20 * HOUR))
    # Three sessions at 0 (a comes back, b and c do not within 20 h) and a's second; the others end too late.
    assert sorted(zip(rows.at_ms.tolist(), rows.labels.tolist(), strict=True)) == [
        (0, False), (0, True), (0, True), (10 * HOUR, True)
    ]  # fmt: skip
    with pytest.raises(BadInput, match="horizon"):
        churn_rows(events, Moments(horizon_ms=99 * HOUR))
