"""The real payloads: how many events of which type, what is refused and why, and that GA360 tells the same story."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.adapters import ADAPTERS, AUTO, Adapted, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.errors import BadInput
from connectors.files.messages import messages_of, require_an_event
from stack.package import ROOT
from tests import datasets, oracle

RECORD = RecordMetadata("foreign", 0, 0, 1_795_000_000_000, None)
Document = dict[str, Any]
# Every payload file: adapter, events by type, refusals by reason and field.
FILES: dict[str, tuple[str, dict[str, int], dict[str, int]]] = {
    "payloads/snowplow_ecommerce_events.csv.gz": (
        "snowplow",
        {
            "product_view": 179, "product_list_view": 100, "add_to_cart": 38, "product_click": 35,
            "checkout_step": 20, "checkout_start": 19, "remove_from_cart": 15, "purchase": 14, "promo_click": 1,
            "promo_view": 1, "refund": 1, "custom:snowplow_ecommerce_action": 410,
        },
        {},
    ),
    "payloads/segment_common_payload.json.gz": ("segment", {"custom:report_submitted": 1}, {}),
    "payloads/segment_ecommerce_v2_track_calls.jsonl.gz": ("segment", {}, {"missing_field timestamp": 25}),
    "payloads/otto_20_sessions.jsonl.gz": (
        "otto", {"product_view": 800, "add_to_cart": 52, "purchase": 10}, {},
    ),
    "ga360_store/raw_ga_sessions_20160801.jsonl.gz": (
        "ga360",
        {
            "page_view": 7_899, "product_click": 2_034, "product_view": 1_649, "add_to_cart": 534,
            "promo_click": 353, "checkout_start": 254, "custom:other_event": 165, "purchase": 68,
            "remove_from_cart": 50,
        },
        {},
    ),
}  # fmt: skip
RAW_GA360 = "ga360_store/raw_ga_sessions_20160801.jsonl.gz"


def converted(path: Path, name: str) -> tuple[list[Document], Counter[str]]:
    """(documents, refusals by reason and field) of a file."""
    documents, refusals = [], Counter[str]()
    for _, message in messages_of(path):
        for one in adapt(message, name, RECORD):
            if isinstance(one, Adapted):
                documents.append(orjson.loads(one.document))
            else:
                refusals[f"{one.verdict.reason} {one.verdict.field}"] += 1
    return documents, refusals


@pytest.mark.parametrize("file", FILES)
def test_every_file_converts(file: str) -> None:
    adapter, types, refused = FILES[file]
    for name in (AUTO,) if file == RAW_GA360 else (adapter, AUTO):
        documents, refusals = converted(datasets.require() / file, name)
        assert Counter(document["event_type"] for document in documents) == types
        assert refusals == refused
        assert len({document["event_id"] for document in documents}) == len(documents)


@pytest.mark.parametrize("file", FILES)
def test_the_page_has_the_counts(file: str) -> None:
    adapter, types, refused = FILES[file]
    page = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{Path(file).name}` |")]
    assert f"`{adapter}`" in row and f"| {sum(types.values()):,} |" in row
    assert [name for name, count in types.items() if count > 1 and f"{name} {count:,}" not in row] == []
    assert [name for name, count in refused.items() if f"{name} {count:,}" not in row] == []


def test_the_track_calls_of_the_documentation_convert_with_the_common_fields() -> None:
    root = datasets.require() / "payloads"
    ((_, common),) = messages_of(root / "segment_common_payload.json.gz")
    calls = [message for _, message in messages_of(root / "segment_ecommerce_v2_track_calls.jsonl.gz")]
    whole = [
        orjson.dumps({**orjson.loads(common), "messageId": str(n), **orjson.loads(call)})
        for n, call in enumerate(calls)
    ]
    types = Counter(
        one.event_type
        for message in whole
        for one in adapt(message, "segment", RECORD)
        if isinstance(one, Adapted)
    )
    assert types.total() == 25
    assert types["add_to_cart"] == 2 and types["checkout_step"] == 3 and types["purchase"] == 1


def test_ga360_nested_and_flat_give_the_same_sessions_and_abandonments() -> None:
    nested, _ = converted(datasets.require() / RAW_GA360, "ga360")
    ids = {document["event_id"] for document in nested}
    flat = [
        event for event in datasets.canonical_events("ga360_20160801_20160814") if event["event_id"] in ids
    ]
    assert len(flat) == len(nested) == 13_006
    assert {one.key for one in oracle.sessions(nested)} == {one.key for one in oracle.sessions(flat)}
    assert {one.key for one in oracle.abandonments(nested)} == {one.key for one in oracle.abandonments(flat)}
    by_id = {event["event_id"]: event for event in flat}
    for document in nested:
        twin = by_id[document["event_id"]]
        for name in ("event_type", "event_time_ms", "visitor_id", "session_hint"):
            assert document.get(name) == twin.get(name), document["event_id"]
        order, other = document.get("order", {}), twin.get("order", {})
        assert order.get("order_id") == other.get("order_id")
        assert order.get("revenue") == pytest.approx(other.get("revenue"))  # one was divided in a float


@pytest.mark.parametrize("file", [file for file in FILES if file != RAW_GA360])
@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "canonical"])
def test_the_wrong_adapter_is_refused_in_one_sentence(file: str, name: str) -> None:
    path = datasets.require() / file
    if name == FILES[file][0] and FILES[file][1]:
        require_an_event(path, name)
        return
    with pytest.raises(
        BadInput, match=f"{path.name} holds no valid event in .* lines for adapter {name}, most often"
    ):
        require_an_event(path, name)
