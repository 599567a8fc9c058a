"""What the tracker sends is what the adapter reads: vectors that web/test/vectors.test.ts runs, too."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest

from connectors.adapters import Adapted, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts.events import EVENT_ID_MAX_LENGTH
from stack.package import ROOT

VECTORS: list[dict[str, Any]] = json.loads((ROOT / "web/vectors/batches.json").read_text(encoding="utf-8"))
CASES = pytest.mark.parametrize("case", VECTORS, ids=[case["name"] for case in VECTORS])
DEVICE = "d-1"
OF_THE_PLACE = ("schema", "source", "received_at_ms")


def adapted(adapter: str, message: dict[str, Any], sent_ms: int) -> list[dict[str, Any]]:
    """The canonical events of a message that came in when it was sent; a refused one fails."""
    found = adapt(json.dumps(message).encode(), adapter, RecordMetadata("t", 0, 0, sent_ms, sent_ms))
    events = [orjson.loads(one.document) for one in found if isinstance(one, Adapted)]
    assert len(events) == len(message["events"])
    return [{name: value for name, value in event.items() if name not in OF_THE_PLACE} for event in events]


def collected(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a case's batches, once the collector has said whose they are."""
    batches = copy.deepcopy(case["batches"])
    return [
        e
        for batch in batches
        for e in adapted("footfall", {**batch, "anonymous_id": DEVICE}, batch["sent_at_ms"])
    ]


@CASES
def test_the_adapter_reads_what_the_tracker_sends(case: dict[str, Any]) -> None:
    assert collected(case) == case["events"]


@CASES
def test_ids_are_of_one_page_and_fit_the_contract(case: dict[str, Any]) -> None:
    ids = [event["event_id"] for batch in case["batches"] for event in batch["events"]]
    assert [event["event_id"] for event in case["events"]] == ids
    assert len(set(ids)) == len(ids) and max(map(len, ids)) <= EVENT_ID_MAX_LENGTH
    assert max(len(batch["events"]) for batch in case["batches"]) <= 10


@CASES
def test_the_seed_of_the_device_is_in_no_event(case: dict[str, Any]) -> None:
    seeds = {batch["device_seed"] for batch in case["batches"]}
    assert len(seeds) == 1 and seeds.pop() not in json.dumps(case["events"])


def test_names_of_ga4_are_read_as_ga4s_own_adapter_reads_them() -> None:
    """The Measurement Protocol with the same names and parameters leads to the same events."""
    case = VECTORS[0]
    (batch,) = case["batches"]
    rows = [row for row in batch["events"] if row["name"] != "consent"]
    ours = [event for event in collected(case) if event["event_type"] != "consent"]
    for row, event in zip(rows, ours, strict=True):
        protocol = {"client_id": DEVICE, "events": [{"name": row["name"], "params": row["properties"]}]}
        (theirs,) = adapted("ga4", copy.deepcopy(protocol), batch["sent_at_ms"])
        event["properties"]["event"] = row["name"]  # kept where it says more than the type
        for name in ("event_type", "product", "order", "properties"):
            assert event.get(name) == theirs.get(name)
