"""The converted streams follow the event contract and keep what the sources know."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import orjson
import pytest

from connectors.contracts.events import Event, validate_event
from tests import datasets, oracle

SMALL = [name for name in datasets.STREAMS if name != "ga360_20160801_20160814"]
GA360_EVENTS = 3_000  # of 203,004: the whole stream is the oracle test's


@cache
def documents(stream: str) -> list[datasets.Document]:
    return list(datasets.canonical_events(stream, GA360_EVENTS))


@pytest.mark.parametrize("stream", datasets.STREAMS)
def test_every_event_follows_the_contract(stream: str) -> None:
    datasets.require()
    found = documents(stream)
    verdicts = [validate_event(orjson.dumps(document)) for document in found]
    assert [verdict for verdict in verdicts if not isinstance(verdict, Event)] == []
    assert len({document["event_id"] for document in found}) == len(found)


@pytest.mark.parametrize("stream", SMALL)
def test_the_number_of_events_is_the_truths(stream: str) -> None:
    assert datasets.frame(stream).height == datasets.truth_numbers(stream)["events"]


def test_ga360_keeps_its_types_and_their_numbers() -> None:
    datasets.require()
    types = Counter(datasets.frame("ga360_20160801_20160814")["event_type"].to_list())
    truth = datasets.truth_numbers("ga360_20160801_20160814")["by_type"]
    assert types["checkout_start"] + types["checkout_step"] == truth.pop("checkout")
    assert types["custom:other_event"] == truth.pop("other_event")
    assert {name: types[name] for name in truth} == truth


def test_ga360_keeps_product_order_and_device() -> None:
    datasets.require()
    found = documents("ga360_20160801_20160814")
    purchase = next(document for document in found if "order" in document)
    assert purchase["event_type"] == "purchase"
    assert purchase["order"] == {
        "order_id": "ORD20160801553",
        "revenue": pytest.approx(1592.4),
        "currency": "USD",
    }
    assert purchase["product"]["product_id"] == "GGOEYAEB028414"
    assert purchase["product"]["quantity"] == 15
    assert purchase["context"]["country"] == "Kenya"
    assert {"apparel", "electronics"} <= {document.get("product", {}).get("category") for document in found}


def test_a_visitor_is_text_with_its_leading_zeros() -> None:
    datasets.require()
    assert documents("ga360_20160801_20160814")[0]["visitor_id"] == "0423043652415339154"


@pytest.mark.parametrize("stream", ["rees46_0000_0214", "taobao_114users"])
def test_a_shuffle_changes_the_order_and_not_the_answers(stream: str, tmp_path: Path) -> None:
    datasets.require()
    out = tmp_path / "events.jsonl"
    datasets.write_canonical(stream, out, shuffle_within_ms=60_000, duplicate_share=0.05, seed=2)
    events = list(oracle.read_events(out))
    times = [event["event_time_ms"] for event in events]
    arrivals = [event["received_at_ms"] for event in events]
    assert times != sorted(times)
    assert all(0 <= arrived - happened <= 60_000 for arrived, happened in zip(arrivals, times, strict=True))
    assert {found.key for found in oracle.sessions(events)} == datasets.truth_sessions(stream)
    assert {found.key for found in oracle.abandonments(events)} == datasets.truth_abandonments(stream)


def test_without_disorder_the_file_is_the_source_in_its_order(tmp_path: Path) -> None:
    datasets.require()
    out = tmp_path / "events.jsonl"
    counts = datasets.write_canonical("retailrocket_sample", out)
    ids = [event["event_id"] for event in oracle.read_events(out)]
    assert ids == [f"retailrocket_sample-{row}" for row in range(1, counts.lines + 1)]
