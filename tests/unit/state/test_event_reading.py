"""The engine's reader accepts exactly what the contract accepts, and reads the same from it."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest

from connectors.contracts.events import Event as ContractEvent
from connectors.contracts.events import validate_event
from connectors.contracts.messages import TOO_DEEP
from connectors.contracts.rejected import Reject
from state.events import Event, integer_in, number_in, read_block, read_event, text_in
from state.vocabulary import CUSTOM, HEARTBEAT, KIND, NAMES, kind_of
from tests.fuzz import messages

NOW = 1_700_000_000_000
BODY: dict[str, Any] = {
    "schema": "event/1",
    "event_id": "e",
    "event_type": "page_view",
    "event_time_ms": NOW,
    "visitor_id": "v",
}
SAME = (
    "event_id", "event_type", "event_time_ms", "visitor_id", "received_at_ms", "anonymous_id", "user_id",
    "session_hint", "sequence",
)  # fmt: skip


def assert_same(value: bytes | None, record_ms: int | None) -> None:
    found, wanted = read_event(value, record_ms), validate_event(value, record_ms)
    if isinstance(wanted, Reject):
        assert isinstance(found, Reject)
        # How deep is too deep is also a matter of Python's stack, which is deeper here by a function.
        same = found == wanted or (found.detail == TOO_DEEP.detail and wanted.reason == "not_json")
        assert same, (found, wanted)
        return
    assert isinstance(found, Event)
    assert {name: getattr(found, name) for name in SAME} == {name: getattr(wanted, name) for name in SAME}
    assert found.kind == kind_of(wanted.event_type)
    assert_same_blocks(found, wanted)


def assert_same_blocks(found: Event, wanted: ContractEvent) -> None:
    for name in ("device", "os", "path", "consent", "url"):
        assert text_in(found.context, name) == getattr(wanted.context, name, None)
    for name in ("product_id", "category", "currency"):
        assert text_in(found.product, name) == getattr(wanted.product, name, None)
    assert number_in(found.product, "price") == getattr(wanted.product, "price", None)
    assert integer_in(found.product, "quantity") == getattr(wanted.product, "quantity", None)
    assert number_in(found.order, "revenue") == getattr(wanted.order, "revenue", None)
    assert repr(found.properties) == repr(dict(wanted.properties))


@pytest.mark.parametrize("seed", range(4))
def test_mutated_messages_are_read_as_the_contract_reads_them(seed: int) -> None:
    for _, value in islice(messages(seed, lambda: NOW, large=0.01), 3_000):
        assert_same(value, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": 7}, {"event_id": 10**30}, {"event_id": 1.5}, {"event_id": True}, {"event_id": ""}, {"event_id": "x" * 129},
        {"visitor_id": "ü" * 256}, {"visitor_id": "ü" * 257}, {"visitor_id": [1]}, {"event_time_ms": str(NOW)}, {"event_time_ms": 1.0},
        {"event_time_ms": -1}, {"event_time_ms": NOW + 300_000}, {"event_time_ms": NOW + 300_001}, {"sequence": "12"},
        {"sequence": 10**6}, {"sequence": None}, {"schema": None}, {"schema": 1}, {"event_type": "custom:"}, {"event_type": "custom:x"},
        {"event_type": "heartbeat"}, {"anonymous_id": 5}, {"user_id": False}, {"user_id": 2.5}, {"received_at_ms": 10**18},
        {"received_at_ms": "soon"}, {"context": []}, {"context": None}, {"context": {"device": 5, "os": {"a": 1}}},
        {"product": {"price": "7.5", "quantity": 2.0, "product_id": True}}, {"order": {"revenue": "nan"}}, {"properties": "x"},
        {"visitor_id": 0}, {"visitor_id": None, "user_id": "u"}, {"visitor_id": " guest ", "anonymous_id": 7}, {"event_id": "null"},
        {"visitor_id": "", "user_id": "u"}, {"visitor_id": ""}, {"user_id": "0"}, {"session_hint": "(not set)"}, {"sequence": 2.0},
        {"properties": {"n": 10**40, "deep": [[[]]]}}, {"event_id": "\ud83d"}, {"context": {"device": "\ud83d"}}, {"event_id": "😀\x00"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_changed_member_is_read_as_the_contract_reads_it(change: dict[str, Any]) -> None:
    assert_same(json.dumps(BODY | change).encode(), NOW)
    assert_same(json.dumps(BODY | change).encode(), None)


@pytest.mark.parametrize(
    "value", [None, b"", b"[]", b"\xff", b"{", json.dumps(BODY).encode()[:-1] + b',"x":"\xff"}']
)
def test_what_is_no_json_is_refused_as_the_contract_refuses_it(value: bytes | None) -> None:
    assert_same(value, NOW)


@pytest.mark.parametrize("depth", [10, 900, 999, 1_000, 1_001, 50_000])
def test_deep_nesting_is_refused_as_the_contract_refuses_it(depth: int) -> None:
    body = json.dumps(BODY)[:-1]
    assert_same(f'{body},"properties":{{"a":{"[" * depth}{"]" * depth}}}}}'.encode(), NOW)


def test_a_block_is_kept_to_the_last_digit() -> None:
    text = b'{"price": 1e400, "id": 12345678901234567890123, "x": 1.10}'
    event = read_event(json.dumps(BODY)[:-1].encode() + b',"product":' + text + b"}", None)
    assert isinstance(event, Event)
    assert event.product_json == text
    assert event.product == {"price": float("inf"), "id": 12345678901234567890123, "x": 1.1}
    assert number_in(event.product, "price") is None


def test_a_large_context_is_remembered_by_the_beginnings_of_its_texts() -> None:
    event = read_event(
        json.dumps(BODY | {"context": {"device": "mobile", "url": "x" * 40_000, "mine": "y"}}).encode()
    )
    assert isinstance(event, Event)
    assert len(event.kept_context) < 2_000
    assert read_block(event.kept_context) == {"device": "mobile", "url": "x" * 200}


def test_every_type_has_a_number() -> None:
    assert len({*KIND.values(), CUSTOM}) == len(NAMES) + 1  # and the heartbeat
    assert [kind_of(name) for name in NAMES[:-1]] == list(range(CUSTOM))
    assert kind_of("heartbeat") == HEARTBEAT
