"""RECOMMENDATIONS as a job: what it makes of valid events is what the logics make of them without Flink."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from connectors.contracts import topics
from jobs import recommendations
from jobs.settings import Settings
from state.items.options import ItemOptions
from state.logic import Document, SourcePosition
from tests import datasets
from tests.item_host import ItemHost, newest
from tests.sql.tables import Flink, Message, collect, document_of, file_ends, messages_file
from tests.words import event, t

SLICE_MS = 1_000
SETTINGS = Settings(bounded=True, slice_ms=SLICE_MS, parallelism=2)


def made(flink: Flink, values: list[bytes], orders: list[tuple[str, bytes]]) -> list[Document]:
    """What the job makes of valid events, as much out of order as their topic may have them, some of them twice."""
    env, folder, chance = flink.environment(SETTINGS), flink.new_folder(), random.Random(4)
    apart = SETTINGS.replace(out_of_orderness_ms=SETTINGS.out_of_orderness_ms + SLICE_MS)
    stamped = [(orjson.loads(value)["event_time_ms"], value) for value in values]
    doubled = stamped + chance.sample(stamped, len(stamped) // 20)
    mixed = sorted(doubled, key=lambda one: one[0] + chance.randrange(SLICE_MS))
    found = [Message(value, SourcePosition("valid", 0, at, time)) for at, (time, value) in enumerate(mixed)]
    env.create_temporary_table("messages", messages_file(found, folder / "messages.jsonl", apart))
    ends = file_ends(folder)
    ends.fill(topics.ERASURE_ORDERS, orders)
    env.create_temporary_table(
        "erasure_orders", ends.document_source(topics.ERASURE_ORDERS, holds_time=False)
    )
    recommendations.build(env, SETTINGS)
    return [document_of(row) for row in collect(env, {"documents": folder / "documents"})["documents"]]


def told(documents: list[Document], kind: str) -> dict[str, Any]:
    found = newest(documents, kind)
    for body in found.values():
        body["related"] = [
            {**row, "cosine": round(row["cosine"], 9), "llr": round(row["llr"], 6)}
            for row in body.get("related", ())
        ]
        body["popularity"] = round(body.get("popularity", 0.0), 9)
    return found


@pytest.fixture(scope="module")
def documents(flink: Flink) -> list[Document]:
    datasets.require()
    return made(flink, valid_events(), [])


def valid_events() -> list[bytes]:
    return [orjson.dumps(one) for one in datasets.canonical_events("rees46_0000_0214")]


def test_the_job_says_what_the_logics_say(documents: list[Document]) -> None:
    alone = ItemHost(ItemOptions.of(SETTINGS)).run(valid_events())
    for kind in ("item", "visitor_items"):
        assert told(documents, kind) == told(alone, kind)
    assert sum(len(one["related"]) for one in told(documents, "item").values()) > 500


def test_an_erased_visitor_is_known_no_more(flink: Flink) -> None:
    values = [
        orjson.dumps(event("gone", "product_view", t(0), product={"product_id": "a"})),
        orjson.dumps(event("here", "product_view", t(1), product={"product_id": "b"})),
    ]
    order = {"visitor_id": "gone", "erased_at_ms": t(2), "quiet_until_ms": t(3), "version": t(2)}
    found = newest(made(flink, values, [("gone", orjson.dumps(order))]), "visitor_items")
    assert found["here"]["items"] == ["b"]
    assert found.get("gone", {"items": []})["items"] == []
