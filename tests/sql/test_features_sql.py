"""Running features equal the naive ones of tests/feature_oracle.py: random streams, and real ones."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from itertools import islice

import orjson
import pytest

from connectors import features
from connectors.events import EVENT_TYPES
from jobs.training.events import table, with_sessions
from jobs.training.features import feature_rows
from tests import datasets, feature_oracle
from tests.feature_oracle import Values
from tests.random_streams import stream
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import ORDERS, Document, by_arrival, placed

GAP, MAX_MS, MAX_EVENTS = 1_800_000, 4 * 3_600_000, 5
LIMITS = {"gap_ms": GAP, "max_ms": MAX_MS, "max_events": MAX_EVENTS}
SEEDS = range(1000, 1150)
REAL = {"rees46_0000_0214": None, "ga360_20160801_20160814": 20_000}  # so many events, or all
Found = dict[str, tuple[dict[str, str | None], Values]]


def furnished(event: Document) -> Document:
    """The event with a type, a product and a context that its id decides: copies stay equal."""
    chance = random.Random(event["event_id"])
    kind = chance.choice((*EVENT_TYPES, "custom:x", "scroll", "product_view"))
    more: Document = {"event_type": kind, "context": {"device": chance.choice(("mobile", "desktop"))}}
    if chance.random() < 0.5:
        more["context"]["path"] = f"/{chance.randint(1, 9)}"
    if chance.random() < 0.5:
        more["product"] = {"product_id": f"p{chance.randint(1, 4)}", "category": chance.choice("abc")}
        more["product"] |= chance.choice(({}, {"price": chance.randint(0, 9000) / 100}, {"price": -1}))
    if kind == "scroll":
        more["properties"] = {"percent_scrolled": chance.choice((10, 25.5, 90, 100, 101))}
    return event | more


STREAMS = [furnished(event) for seed in SEEDS for event in stream(seed)]


@pytest.fixture(scope="module", params=ORDERS)
def rows(flink: Flink, request: pytest.FixtureRequest) -> dict[str, list[Row]]:
    arrange, settings = ORDERS[request.param]
    limits = {"session_max_ms": MAX_MS, "session_max_events": MAX_EVENTS}
    views = ["features", "feature_documents", "session_features", "visitor_documents"]
    return flink.run(arrange(STREAMS), views, **limits, **settings)


def read(rows: Iterable[Row]) -> Found:
    """event_id to texts and values by name."""
    return {
        row["event_id"]: (
            {name: row.get(name) for name in features.TEXTS},
            features.as_mapping(row["values"]),
        )
        for row in rows
    }


def equal(found: Found, expected: Found) -> None:
    """Every text, and every number as exactly as 32 bits hold it; sums of squares lose some of it."""
    assert found.keys() == expected.keys()
    for event_id, (texts, values) in expected.items():
        assert found[event_id][0] == texts, event_id
        for name, value in values.items():
            here = found[event_id][1][name]
            close = (
                value is not None
                and here is not None
                and math.isclose(here, value, rel_tol=1e-5, abs_tol=1e-4)
            )
            assert close or (here is None and value is None), (event_id, name, here, value)


def oracle(events: Iterable[Document], **limits: int) -> Found:
    return {
        event_id: (texts, values) for event_id, texts, values in feature_oracle.features(events, **limits)
    }


def test_every_row_equals_the_oracles(rows: dict[str, list[Row]]) -> None:
    found = read(rows["features"])
    assert len(found) == len(rows["features"]) > 900
    equal(found, oracle(STREAMS, **LIMITS))


def test_every_feature_is_more_than_one_number_in_the_streams(rows: dict[str, list[Row]]) -> None:
    for name in features.NAMES:
        assert len({values[name] for _, values in read(rows["features"]).values()}) > 1, name


def test_documents_hold_the_same(rows: dict[str, list[Row]]) -> None:
    documents = [json.loads(row["document"]) for row in rows["feature_documents"]]
    for document in documents:
        features.check_document(document)
    assert read(documents) == read(rows["features"])


def test_a_session_has_the_features_of_its_last_event(rows: dict[str, list[Row]]) -> None:
    last: dict[str, Row] = {}
    for row in sorted(rows["features"], key=lambda row: row["event_no"]):
        last[row["session_id"]] = row
    found = {row["session_id"]: json.loads(row["document"]) for row in rows["session_features"]}
    assert len(found) == len(rows["session_features"])
    assert {key: document["event_id"] for key, document in found.items()} == {
        key: row["event_id"] for key, row in last.items()
    }
    assert all(document["session_ended"] is True for document in found.values())


def test_a_visitor_has_the_newest(rows: dict[str, list[Row]]) -> None:
    newest = {}
    for row in sorted(rows["features"], key=lambda row: (row["event_time_ms"], row["visitor_event_no"])):
        newest[row["visitor_id"]] = row
    found = {}
    for row in sorted(rows["visitor_documents"], key=lambda row: row["version"]):
        found[row["visitor_id"]] = json.loads(row["document"])
    assert found.keys() == newest.keys()
    for visitor, document in found.items():
        assert document["features"]["values"] == newest[visitor]["values"]
        assert document["last_seen_ms"] == document["version"] == newest[visitor]["event_time_ms"]
        assert document["context"]["device"] == newest[visitor]["device"]


def batch(events: Iterable[Document]) -> Found:
    """What models are trained on; it has no texts."""
    rows = feature_rows(with_sessions(table(map(orjson.dumps, events))).lazy()).collect()
    chosen = rows.select("event_id", *features.NAMES).to_dicts()
    return {row.pop("event_id"): ({}, row) for row in chosen}


@pytest.mark.parametrize("stream", REAL)
@pytest.mark.parametrize("shuffled_within_ms", [0, 1_500])
def test_a_real_stream_equals_the_oracle_and_the_training_rows(
    flink: Flink, stream: str, shuffled_within_ms: int
) -> None:
    chance = random.Random(7)
    events = [
        event | {"received_at_ms": event["event_time_ms"] + chance.randint(0, shuffled_within_ms)}
        for event in islice(datasets.canonical_events(stream), REAL[stream])
    ]
    copies = [event for event in events if shuffled_within_ms and chance.random() < 0.05]
    rows = flink.run(placed(by_arrival(events + copies)), ["features"])["features"]
    assert len(rows) == len(events)
    found = read(rows)
    equal(found, oracle(events, gap_ms=GAP))
    equal({event: ({}, values) for event, (_, values) in found.items()}, batch(events))
