"""The reference validation: every reason, at its boundary, in its order; and what it takes anyway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contracts.absent import ABSENT, ABSENT_IDS, BLANKS
from connectors.contracts.blocks import Context, Order, Product
from connectors.contracts.events import VISITOR_FIELDS, Event, validate_event
from connectors.contracts.rejected import REASONS, Reject

NOW_MS = 1_700_000_000_000
GOOD: dict[str, Any] = {
    "schema": "event/1",
    "event_id": "e",
    "event_type": "page_view",
    "event_time_ms": NOW_MS,
    "visitor_id": "v",
}


def judge(changes: dict[str, Any] | None = None, without: str = "") -> Event | Reject:
    document = {name: value for name, value in (GOOD | (changes or {})).items() if name != without}
    return validate_event(json.dumps(document).encode(), NOW_MS)


def verdict(changes: dict[str, Any]) -> tuple[str, str | None]:
    found = judge(changes)
    return (found.reason, found.field) if isinstance(found, Reject) else ("accepted", None)


def reason_of(value: bytes | None) -> str:
    found = validate_event(value, NOW_MS)
    return found.reason if isinstance(found, Reject) else "accepted"


@pytest.mark.parametrize("name", ["schema", "event_id", "event_type", "event_time_ms", "visitor_id"])
def test_a_required_field_must_be_there(name: str) -> None:
    for found in (judge(without=name), judge({name: None})):
        assert isinstance(found, Reject)
        assert (found.reason, found.field) == ("missing_field", name)


@pytest.mark.parametrize("name", ["event_id", "event_type", "visitor_id"])
@pytest.mark.parametrize("value", [{}, {"a": 1}, [], ["v"], True, False])
def test_an_id_is_no_object_array_or_boolean(name: str, value: object) -> None:
    assert verdict({name: value}) == ("wrong_type", name)


@pytest.mark.parametrize("name", ["event_time_ms", "sequence"])
@pytest.mark.parametrize("value", [1.5, "yesterday", "", "1.0", "1e3", True, {}, [], 10**30])
def test_a_time_and_a_sequence_are_integers(name: str, value: object) -> None:
    assert verdict({name: value}) == ("wrong_type", name)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("event_id", ["e", "é" * 128], ["", "é" * 129]),
        ("visitor_id", ["v", "😀" * 256], ["", "😀" * 257]),
        (
            "event_type",
            ["consent", "custom:x", "heartbeat"],
            ["", "buy", "custom:", "Custom:x", "page_view "],
        ),
        ("event_time_ms", [0, NOW_MS], [-1, 4_102_444_800_001]),
        ("sequence", [0, 1_000_000, 2**53 - 1, None], [-1, 2**53]),
    ],
)
def test_a_value_is_in_its_range(name: str, inside: list[object], outside: list[object]) -> None:
    assert [verdict({name: value}) for value in inside] == [("accepted", None)] * len(inside)
    assert [verdict({name: value}) for value in outside] == [("out_of_range", name)] * len(outside)


def test_the_last_millisecond_of_the_contract_is_allowed() -> None:
    value = json.dumps(GOOD | {"event_time_ms": 4_102_444_800_000}).encode()
    assert isinstance(validate_event(value), Event)


@pytest.mark.parametrize("schema", ["event/2", "", 1, {}, ["event/1"]])
def test_another_schema_is_unknown(schema: object) -> None:
    assert verdict({"schema": schema}) == ("unknown_schema", "schema")


@pytest.mark.parametrize(("ahead_ms", "refused"), [(300_000, False), (300_001, True)])
def test_the_future_starts_five_minutes_after_the_records_timestamp(ahead_ms: int, refused: bool) -> None:
    found = judge({"event_time_ms": NOW_MS + ahead_ms})
    assert isinstance(found, Reject) == refused
    if isinstance(found, Reject):
        assert (found.reason, found.field) == ("future_timestamp", "event_time_ms")
        assert "300001 came" in found.detail


def test_size_is_counted_in_bytes_of_the_message() -> None:
    frame = len(json.dumps(GOOD | {"pad": ""}))
    largest = json.dumps(GOOD | {"pad": "x" * (1_000_000 - frame)}).encode()
    assert reason_of(largest) == "accepted"
    assert reason_of(largest + b" ") == "oversized"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_json"),
        (b"", "not_json"),
        (b"   ", "not_json"),
        (b'{"a":1', "not_json"),
        (b'{"a":NaN}', "not_json"),
        (b'{"a":-Infinity}', "not_json"),
        (b'{"a":1}{"b":2}', "not_json"),
        (b'{"a":"\n"}', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"\xff", "not_utf8"),
        (b'{"a":"\xc0\xaf"}', "not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
        ('{"a":1}'.encode("utf-16"), "not_utf8"),
        (b"[]", "not_an_object"),
        (b"5", "not_an_object"),
        (b"null", "not_an_object"),
        (b"{}", "missing_field"),
    ],
)
def test_a_message_is_one_json_object_in_utf8(value: bytes | None, reason: str) -> None:
    assert reason_of(value) == reason


@pytest.mark.parametrize("depth", [1_001, 20_000, 400_000])
def test_nesting_has_an_end(depth: int) -> None:
    value = json.dumps(GOOD | {"deep": 0}).replace("0}", "[" * (depth - 1) + "]" * (depth - 1) + "}")
    assert reason_of(value.encode()) == "not_json"


def test_brackets_in_text_are_not_nesting() -> None:
    assert verdict({"text": '[{"\\' * 2_000}) == ("accepted", None)
    assert verdict({"flat": [[]] * 2_000}) == ("accepted", None)


def test_the_first_reason_in_order_wins() -> None:
    worse = {"event_time_ms": "x", "event_id": "", "visitor_id": None, "schema": "event/9"}
    path = [verdict(worse)]
    for fixed in ("schema", "visitor_id", "event_time_ms"):
        worse[fixed] = GOOD[fixed]
        path.append(verdict(worse))
    assert [reason for reason, _ in path] == ["unknown_schema", "missing_field", "wrong_type", "out_of_range"]
    positions = [[str(reason) for reason in REASONS].index(reason) for reason, _ in path]
    assert positions == sorted(positions)


def test_a_numeric_id_becomes_its_text_and_digits_become_a_time() -> None:
    found = judge({"visitor_id": 42, "event_time_ms": str(NOW_MS), "sequence": "3"})
    assert isinstance(found, Event)
    assert (found.visitor_id, found.event_time_ms, found.sequence) == ("42", NOW_MS, 3)


def test_what_cannot_be_read_counts_as_absent() -> None:
    found = judge({"context": "mobile", "product": {"price": "a lot", "quantity": 1.5, "category": 7}})
    assert isinstance(found, Event)
    assert found.context is None
    assert found.product == Product(category="7")
    assert judge({"context": {"country": None}}).context == Context()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", sorted(ABSENT_IDS - {""}) + ["   ", "\u200b", " undefined ", "{{ user.id }}", "${id}"]
)
def test_a_text_without_value_is_no_id(text: str) -> None:
    found = judge({"visitor_id": text, "user_id": text, "anonymous_id": "a-1"})
    assert isinstance(found, Event)
    assert (found.visitor_id, found.user_id, found.anonymous_id) == ("a-1", None, "a-1")
    for alone in ({"visitor_id": text}, {"visitor_id": None, "user_id": text, "anonymous_id": text}):
        assert verdict(alone) == ("missing_field", "visitor_id")


@pytest.mark.parametrize(
    "text", sorted(ABSENT - {""}) + ["  ", "\u200b", "00000000-0000-0000-0000-000000000000"]
)
def test_a_text_that_stands_for_no_value_names_no_event(text: str) -> None:
    assert verdict({"event_id": text}) == ("missing_field", "event_id")


def test_words_that_only_an_id_cannot_be_stay_values_elsewhere() -> None:
    found = judge(
        {
            "event_id": "0",
            "product": {"product_id": "0", "category": "unknown"},
            "context": {"consent": "none"},
        }
    )
    assert isinstance(found, Event) and found.event_id == "0"
    assert found.product == Product(product_id="0", category="unknown")
    assert found.context == Context(consent="none")
    assert judge({"order": {"order_id": "0", "revenue": 5}}).order == Order(revenue=5.0)  # type: ignore[union-attr]


@pytest.mark.parametrize("text", [*sorted(ABSENT), " ", "\ufeff", " (not set) "])
def test_a_text_that_stands_for_no_value_is_no_leaf(text: str) -> None:
    found = judge(
        {"product": {"category": text, "price": text}, "context": {"country": text}, "session_hint": text}
    )
    assert isinstance(found, Event)
    assert (found.product, found.context, found.session_hint) == (Product(), Context(), None)


@pytest.mark.parametrize(
    ("given", "whose"),
    [
        ({"visitor_id": "v", "user_id": "u", "anonymous_id": "a"}, "v"),
        ({"user_id": "u", "anonymous_id": "a"}, "u"),
        ({"anonymous_id": "a"}, "a"),
        ({"visitor_id": "", "anonymous_id": "a"}, "a"),
        ({"visitor_id": None, "user_id": 7}, "7"),
        ({"visitor_id": 12345.0}, "12345"),
    ],
)
def test_one_of_three_ids_is_enough(given: dict[str, Any], whose: str) -> None:
    bare = {name: value for name, value in GOOD.items() if name != "visitor_id"}
    found = validate_event(json.dumps({**bare, **given}).encode(), NOW_MS)
    assert isinstance(found, Event) and found.visitor_id == whose


def test_without_any_id_it_is_the_visitors_that_is_missing() -> None:
    assert verdict(dict.fromkeys(VISITOR_FIELDS)) == ("missing_field", "visitor_id")
    assert verdict({"visitor_id": None, "anonymous_id": "a" * 257}) == ("out_of_range", "visitor_id")
    assert verdict({"visitor_id": None, "user_id": {"id": 1}, "anonymous_id": True}) == (
        "missing_field",
        "visitor_id",
    )


@pytest.mark.parametrize(
    ("field", "value"), [("event_time_ms", 1.7e12), ("event_time_ms", 1_700_000_000_000.0), ("sequence", 1.0)]
)
def test_a_whole_number_is_whole_however_it_is_written(field: str, value: float) -> None:
    found = judge({field: value})
    assert isinstance(found, Event) and getattr(found, field) == int(value)
    assert judge({"product": {"quantity": 2.0, "product_id": 7.0}}).product == Product(
        product_id="7", quantity=2
    )  # type: ignore[union-attr]


@given(st.sampled_from(sorted(ABSENT_IDS)), st.text(BLANKS, max_size=3), st.text(BLANKS, max_size=3))
def test_blanks_do_not_make_a_value(text: str, before: str, after: str) -> None:
    found = judge({"visitor_id": "v", "user_id": before + text + after})
    assert isinstance(found, Event) and found.user_id is None


def test_unknown_properties_are_kept() -> None:
    found = judge({"warehouse": 7, "product": {"colour": "red"}, "properties": {"a": [1]}})
    assert isinstance(found, Event)
    assert found.document["warehouse"] == 7
    assert found.document["product"] == {"colour": "red"}
    assert found.properties == {"a": [1]}


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    found = judge({"event_id": "cut \ud83d", "title": "whole \U0001f600"})
    assert isinstance(found, Event)
    assert (found.event_id, found.document["title"]) == ("cut ?", "whole \U0001f600")


def test_the_last_of_two_equal_names_counts() -> None:
    value = json.dumps(GOOD).replace('"event_id": "e"', '"event_id": "first", "event_id": "last"')
    found = validate_event(value.encode())
    assert isinstance(found, Event)
    assert found.event_id == "last"


def test_a_heartbeat_is_accepted_and_known_as_one() -> None:
    found = judge({"event_type": "heartbeat"})
    assert isinstance(found, Event)
    assert found.is_heartbeat


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("aé😀", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise(value: bytes) -> None:
    assert isinstance(validate_event(value, NOW_MS), (Event, Reject))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from([*GOOD, "sequence", "product", "context", "source"]), json_values))
def test_no_document_raises_and_a_reject_says_where_and_what_came(changes: dict[str, Any]) -> None:
    found = judge(changes)
    if isinstance(found, Reject):
        assert found.reason in REASONS
        assert found.field is None or found.field in found.detail or found.detail.endswith(" came")
        assert len(found.detail) < 300
