"""One suite for all adapters: valid events, fixed ids, nothing lost, a bad event alone in its refusal."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.adapters import (
    ADAPTERS,
    AUTO,
    MAX_FOREIGN_BYTES,
    UNFORESEEN,
    Adapted,
    RecordMetadata,
    Refusal,
    adapt,
)
from connectors.adapters.reading import corrected
from connectors.contracts.events import Event, validate_event
from connectors.contracts.vocabulary import known_type
from tests.unit.adapter_samples import (
    CANONICAL,
    FOOTFALL,
    GA4_REQUEST,
    GA360,
    ISO,
    OTTO,
    SAMPLES,
    SEGMENT_ADDED,
    SEGMENT_BATCH,
    SNOWPLOW_APP,
    T0,
)

Document = dict[str, Any]
RECEIVED = T0 + 60_000
RECORD = RecordMetadata("foreign", 1, 7, RECEIVED, RECEIVED)
BATCHES = (
    ("footfall", FOOTFALL),
    ("segment", SEGMENT_BATCH),
    ("ga360", GA360),
    ("ga4", GA4_REQUEST),
    ("otto", OTTO),
)
each_sample = pytest.mark.parametrize(("name", "payload"), SAMPLES)
each_batch = pytest.mark.parametrize(("name", "message"), BATCHES)


def made(payload: bytes, name: str = AUTO, record: RecordMetadata = RECORD) -> list[Document]:
    results = list(adapt(payload, name, record))
    assert not [one for one in results if isinstance(one, Refusal)]
    return [orjson.loads(one.document) for one in results if isinstance(one, Adapted)]


def refused(payload: bytes | None, name: str = AUTO) -> Refusal:
    (one,) = adapt(payload, name, RECORD)
    assert isinstance(one, Refusal)
    return one


@each_sample
def test_events_are_valid_and_say_where_they_came_from(name: str, payload: bytes) -> None:
    for index, document in enumerate(made(payload, name)):
        assert isinstance(validate_event(orjson.dumps(document), RECEIVED), Event)
        source = {"adapter": name, "topic": "foreign", "partition": 1, "offset": 7, "index": index}
        assert document["source"] == source


@each_sample
def test_the_format_is_recognised(name: str, payload: bytes) -> None:
    assert made(payload) == made(payload, name)


@each_sample
def test_another_delivery_gives_the_same_events(name: str, payload: bytes) -> None:
    again = made(payload, name, RecordMetadata("other", 3, 99, RECEIVED, RECEIVED))
    assert [{**one, "source": None} for one in made(payload, name)] == [
        {**one, "source": None} for one in again
    ]


@each_sample
def test_ids_differ_between_devices(name: str, payload: bytes) -> None:
    ids = [document["event_id"] for document in made(payload, name)]
    assert len(set(ids)) == len(ids)


def present(value: Any, path: str) -> bool:
    """Whether some object inside the value has the path."""
    if isinstance(value, list):
        return any(present(inner, path) for inner in value)
    if not isinstance(value, dict):
        return False
    at: Any = value
    for key in path.removeprefix("params.").removeprefix("session.").split("."):
        at = at.get(key) if isinstance(at, dict) else None
    return at not in (None, "") or any(present(inner, path) for inner in value.values())


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "canonical"])
def test_every_row_of_the_table_is_met_by_a_sample(name: str) -> None:
    adapter, reached = ADAPTERS[name], set()
    for payload in [payload for sample, payload in SAMPLES if sample == name]:
        for document in made(payload, name):
            reached |= {row.ours for row in (*adapter.shared, *adapter.fields) if present(document, row.ours)}
    worked_up = ("clock.", "ordering.")
    rows = {row.ours for row in (*adapter.shared, *adapter.fields) if not row.ours.startswith(worked_up)}
    assert rows <= reached


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "canonical"])
def test_our_types_are_of_the_contract(name: str) -> None:
    assert [ours for ours in ADAPTERS[name].types.values() if not known_type(ours)] == []


@each_batch
def test_unknown_members_are_kept(name: str, message: Document) -> None:
    key = ADAPTERS[name].elements(message).key or ""
    rows = [{**row, "zz_unknown": {"deep": [1, "x"]}} for row in message[key]]
    for document in made(orjson.dumps({**message, key: rows}), name):
        assert document["properties"]["zz_unknown"] == {"deep": [1, "x"]}


def test_what_stands_beside_a_canonical_events_members_is_kept_in_its_properties() -> None:
    (document,) = made(orjson.dumps({**CANONICAL, "zz_unknown": [1], "coupon": "JUNE"}), "canonical")
    assert document["properties"] == {"zz_unknown": [1], "coupon": "MAY"}
    (document,) = made(orjson.dumps({**CANONICAL, "zz_unknown": [1], "properties": "text"}), "canonical")
    assert document["properties"] == {"zz_unknown": [1], "properties": "text"}


@each_batch
@pytest.mark.parametrize(
    "bad",
    [
        42,
        None,
        "x",
        [],
        True,
        {"time": "soon", "ts": "soon", "timestamp": "soon", "event_time_ms": "soon", "name": 5},
    ],
)
def test_a_bad_event_stays_alone(name: str, message: Document, bad: Any) -> None:
    key = ADAPTERS[name].elements(message).key or ""
    good = made(orjson.dumps(message), name)
    payload = orjson.dumps({**message, key: [*message[key], bad]})
    results = list(adapt(payload, name, RECORD))
    assert [orjson.loads(one.document) for one in results if isinstance(one, Adapted)] == good
    (refusal,) = (one for one in results if isinstance(one, Refusal))
    assert refusal.index == len(message[key]) and UNFORESEEN not in refusal.verdict.detail
    assert refusal.payload == orjson.dumps({**message, key: [bad]})
    (same,) = adapt(refusal.payload, name, RECORD, refusal.index)
    assert same == refusal


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "not_json"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"a":NaN}', "not_json"),
        (b'{"hits":', "not_json"),
        (b"[]", "not_an_object"),
        (b"7", "not_an_object"),
        (b"{}", "unknown_schema"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "unknown_schema"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "not_json"),
        (b'{"a":"' + b"x" * MAX_FOREIGN_BYTES + b'"}', "oversized"),
        (orjson.dumps({**CANONICAL, "schema": "event/9"}), "unknown_schema"),
        (orjson.dumps({**CANONICAL, "event_time_ms": RECEIVED + 300_001}), "future_timestamp"),
        (orjson.dumps({**OTTO, "events": []}), "missing_field"),
        (orjson.dumps({**GA360, "hits": "many"}), "unknown_schema"),
        (orjson.dumps({**SEGMENT_ADDED, "anonymousId": None}), "missing_field"),
        (orjson.dumps({**SEGMENT_ADDED, "anonymousId": 1.5}), "wrong_type"),
        (b'{"session":123456789012345678901234567890,"events":[{"aid":1,"ts":1,"type":"carts"}]}', "wrong_type"),
        (orjson.dumps({**SEGMENT_ADDED, "timestamp": "2023-02-30T00:00:00Z"}), "wrong_type"),
        (orjson.dumps({**SEGMENT_ADDED, "timestamp": "1875-05-20"}), "out_of_range"),
        (orjson.dumps({**SEGMENT_ADDED, "timestamp": "2023-11-14T23:00:00Z"}), "future_timestamp"),
        (orjson.dumps({"session": 1, "events": [{"aid": 1, "ts": T0 // 1000, "type": "carts"}]}), "out_of_range"),
        (orjson.dumps({**SEGMENT_ADDED, "event": ""}), "missing_field"),
    ],
)  # fmt: skip
def test_refusals_name_their_reason_and_keep_the_bytes(payload: bytes | None, reason: str) -> None:
    refusal = refused(payload)
    assert refusal.verdict.reason == reason
    assert refusal.payload == payload


def test_half_a_surrogate_is_taken() -> None:
    payload = orjson.dumps(SEGMENT_ADDED).replace(b"MAY", b"\\ud83d")
    assert made(payload)[0]["properties"]["coupon"] == "?"


def test_clocks_are_set_right_by_the_receivers() -> None:
    (first, *_) = made(orjson.dumps({**FOOTFALL, "sent_at_ms": T0 + 1_000}))
    assert first["event_time_ms"] == RECEIVED - 1_000
    assert made(orjson.dumps(SNOWPLOW_APP))[0]["event_time_ms"] == T0  # the device thinks it is 1970
    assert made(orjson.dumps(SEGMENT_ADDED))[0]["event_time_ms"] == T0  # the server has corrected it
    alone = {key: value for key, value in SEGMENT_ADDED.items() if key != "receivedAt"}
    assert (
        made(orjson.dumps({**alone, "sentAt": "2023-11-14T22:13:22Z"}))[0]["event_time_ms"]
        == RECEIVED - 2_000
    )


def test_a_file_has_no_time_of_receipt_and_is_not_corrected() -> None:
    file = RecordMetadata("foreign", 0, 0, RECEIVED * 2, None)
    assert made(orjson.dumps(FOOTFALL), record=file)[0]["event_time_ms"] == T0


@given(st.integers(0, 2**41), st.integers(0, 2**41), st.integers(0, 2**41))
def test_no_event_is_after_its_receipt_and_order_is_kept(event: int, sent: int, received: int) -> None:
    assert corrected(event, sent, received) <= received
    assert corrected(event, sent, received) <= corrected(event + 1, sent, received)
    assert corrected(event, None, received) == event


@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_without_an_offset_a_time_is_utc(zone: str) -> None:
    moved = {**SEGMENT_ADDED, "timestamp": f"2023-11-14T22:13:20{zone}"}
    assert made(orjson.dumps(moved))[0]["event_time_ms"] == T0
    assert made(orjson.dumps({**moved, "timestamp": "2023-11-14T23:13:20+01:00"}))[0]["event_time_ms"] == T0


def test_equal_events_without_ids_differ_in_a_message_and_not_between_messages() -> None:
    jump = {"type": "track", "event": "Jumped", "userId": "u", "timestamp": ISO}
    twice = made(orjson.dumps({"batch": [jump, jump]}))
    assert len({document["event_id"] for document in twice}) == 2
    assert made(orjson.dumps(jump))[0]["event_id"] == twice[0]["event_id"]


_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20), st.sampled_from(["[]", "{}", "[[]]", '[{"a": null}]']).map(orjson.loads),
    st.just("1e400"), st.just("x" * 300),
)  # fmt: skip


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, below in inner for path in _paths(below, (*at, key)))]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_value_anywhere_is_unforeseen(data: st.DataObject) -> None:
    name, payload = data.draw(st.sampled_from([sample for sample in SAMPLES if sample[1][:1] == b"{"]))
    message = orjson.loads(payload)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from([path for path in _paths(message) if path]))
        holder = message
        for key in above:
            holder = holder[key]
        holder[last] = data.draw(_LEAVES)
    for which in (name, AUTO):
        results = list(adapt(orjson.dumps(message), which, RECORD))
        assert results
        for one in results:
            assert isinstance(one, Adapted) or UNFORESEEN not in one.verdict.detail
            assert isinstance(one, Refusal) or isinstance(validate_event(one.document, RECEIVED), Event)
