"""What public reports break, kind by kind and for every adapter: texts without value, spellings, whole floats, order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.adapters import ADAPTERS, Adapted, Refusal, adapt, consent
from connectors.adapters.adapter import RecordMetadata
from connectors.adapters.segment import TYPES as SEGMENT_TYPES
from connectors.contracts import absent
from connectors.contracts.events import Event, validate_event
from stack.package import ROOT
from tests.unit.adapter_samples import (
    FOOTFALL,
    GA4_PURCHASE,
    GA4_REQUEST,
    GA4_ROW,
    GA360,
    ISO,
    OTTO,
    SAMPLES,
    SEGMENT_ADDED,
    SEGMENT_BATCH,
    SNOWPLOW,
    SNOWPLOW_APP,
    T0,
)

Document = dict[str, Any]
RECEIVED = T0 + 60_000
RECORD = RecordMetadata("foreign", 1, 7, RECEIVED, RECEIVED)
JSON_SAMPLES = [(name, orjson.loads(payload)) for name, payload in SAMPLES if payload[:1] == b"{"]


def results(message: Document, name: str) -> list[Adapted | Refusal]:
    return list(adapt(orjson.dumps(message), name, RECORD))


def made(message: Document, name: str) -> list[Document]:
    return [orjson.loads(one.document) for one in results(message, name) if isinstance(one, Adapted)]


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in a message that is neither object nor array."""
    inner = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    for key, below in inner or ():
        yield from leaves(below, (*at, key))
    if inner is None:
        yield at


def with_leaf(message: Document, path: tuple[Any, ...], value: Any) -> Document:
    copy: Document = orjson.loads(orjson.dumps(message))
    holder: Any = copy
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return copy


def whose(event: Event) -> list[str]:
    order = event.order.order_id if event.order else None
    return [one for one in (event.visitor_id, event.anonymous_id, event.user_id, order) if one is not None]


def texts(event: Event) -> list[str]:
    """All leaves that are text, as the contract reads them."""
    blocks = [vars(block) for block in (event.context, event.product, event.order) if block]
    found = [event.event_id, event.session_hint, *(leaf for block in blocks for leaf in block.values())]
    return [leaf for leaf in found if isinstance(leaf, str)]


def read(message: Document, name: str) -> list[Event]:
    events = [validate_event(orjson.dumps(event), RECEIVED) for event in made(message, name)]
    assert all(isinstance(event, Event) for event in events)
    return [event for event in events if isinstance(event, Event)]


NOTHING = st.sampled_from(sorted(absent.ABSENT)) | st.text(absent.BLANKS, max_size=3)
NOBODY = st.sampled_from(sorted(absent.ABSENT_IDS)) | st.just("{{ user.id }}") | st.just(0)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_text_without_value_is_none_in_any_field_of_any_tracker(data: st.DataObject) -> None:
    name, message = data.draw(
        st.sampled_from([sample for sample in JSON_SAMPLES if sample[0] != "canonical"])
    )
    path = data.draw(st.sampled_from(sorted(leaves(message), key=str)))
    for event in read(with_leaf(message, path, data.draw(NOTHING)), name):
        assert not [leaf for leaf in texts(event) if absent.is_absent(leaf)]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_absent_ids_are_absent_in_any_field_of_any_tracker(data: st.DataObject) -> None:
    name, message = data.draw(
        st.sampled_from([sample for sample in JSON_SAMPLES if sample[0] != "canonical"])
    )
    path = data.draw(st.sampled_from(sorted(leaves(message), key=str)))
    for event in read(with_leaf(message, path, data.draw(NOBODY)), name):
        assert not [one for one in whose(event) if absent.is_absent_id(one)]


def test_an_event_without_an_id_is_refused_and_names_the_fields() -> None:
    nobody = {**SEGMENT_ADDED, "anonymousId": "undefined", "userId": "0"}
    (one,) = results(nobody, "segment")
    assert isinstance(one, Refusal)
    assert one.verdict.reason == "missing_field" and "anonymousId" in (one.verdict.field or "")


def test_ottos_first_session_is_a_visitor() -> None:
    first, second = made({**OTTO, "session": 0}, "otto")
    assert (first["visitor_id"], second["visitor_id"]) == ("otto-0", "otto-0")
    assert (first["event_id"], second["event_id"]) == ("otto-0-0", "otto-0-1")


SEPARATORS = st.sampled_from(["", " ", "_", "-", "  "])


@given(st.sampled_from(sorted(name for name in SEGMENT_TYPES if name.endswith("ed"))), st.booleans(), SEPARATORS,
       st.sampled_from([str.lower, str.upper, str.title]), st.sampled_from(["", " ", "_"]))  # fmt: skip
def test_segments_names_in_any_order_and_spelling(
    name: str, turned: bool, between: str, case: Any, end: str
) -> None:
    *thing, done = name.split(" ")
    spelled = case(between.join([done, *thing] if turned else [*thing, done])) + end
    call = {"type": "track", "event": spelled, "anonymousId": "a", "timestamp": ISO}
    assert [event["event_type"] for event in made(call, "segment")] == [SEGMENT_TYPES[name]]


@pytest.mark.parametrize(
    "name", ["Reordered", "Order Completed Twice", "Completed", "Product", "Disorder Completed"]
)
def test_other_names_stay_custom(name: str) -> None:
    (event,) = made({"type": "track", "event": name, "anonymousId": "a", "timestamp": ISO}, "segment")
    assert event["event_type"].startswith("custom:")


def floated(value: Any) -> Any:
    """Every whole number but a visitor's id as some programs write it: with a fraction of zero."""
    if isinstance(value, dict):
        strict = ("fullVisitorId", "userId", "session", "client_id", "user_id", "anonymousId", "visitor_id")
        return {key: inner if key in strict else floated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [floated(inner) for inner in value]
    return (
        float(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        else value
    )


@pytest.mark.parametrize(("name", "message"), JSON_SAMPLES)
def test_whole_numbers_may_have_a_fraction_of_zero(name: str, message: Document) -> None:
    plain, written = made(message, name), made(floated(message), name)
    kept = ("event_type", "event_time_ms", "visitor_id", "sequence", "session_hint", "product", "order")
    assert [{key: event.get(key) for key in kept} for event in written] == [
        {key: event.get(key) for key in kept} for event in plain
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("footfall", FOOTFALL),
        ("segment", SEGMENT_BATCH),
        ("ga4", GA4_REQUEST),
        ("otto", OTTO),
        ("ga360", GA360),
    ],
)
def test_a_batch_has_an_order(name: str, message: Document) -> None:
    sequences = [event["sequence"] for event in made(message, name)]
    assert sequences == sorted(set(sequences))
    key = ADAPTERS[name].elements(message).key or ""
    again = made({**message, key: message[key][1:]}, name)
    ids = {event["event_id"]: event["visitor_id"] for event in made(message, name)}
    if name not in ("otto",):  # whose ids are indices in a session that only grows
        assert {event["event_id"] for event in again} <= set(ids)


def test_ga4s_batch_indices_order_events_of_one_millisecond() -> None:
    later = {**GA4_ROW, "event_timestamp": T0 * 1_000 + 5, "batch_ordering_id": 1, "batch_event_index": 1}
    rows = [GA4_ROW, {**GA4_ROW, "batch_event_index": 3}, {**GA4_ROW, "batch_ordering_id": 4}, later]
    sequences = [made(row, "ga4")[0]["sequence"] for row in rows]
    assert sequences == sorted(set(sequences))
    assert "sequence" not in made(GA4_PURCHASE, "ga4")[0]


def test_ga4_names_an_event_by_what_is_never_filled_in_later() -> None:
    filled = {
        **GA4_ROW,
        "is_active_user": True,
        "traffic_source": {"medium": "organic"},
        "geo": {"country": "France"},
    }
    assert made(filled, "ga4")[0]["event_id"] == made(GA4_ROW, "ga4")[0]["event_id"]
    for changes in ({"event_name": "view_item"}, {"user_pseudo_id": "9.9"}, {"event_timestamp": T0 * 1_000 + 1},
                    {"batch_event_index": 9}, {"stream_id": "7"}):  # fmt: skip
        assert made({**GA4_ROW, **changes}, "ga4")[0]["event_id"] != made(GA4_ROW, "ga4")[0]["event_id"]
    bare = {key: value for key, value in GA4_ROW.items() if not key.startswith("batch_")}
    other = {**bare, "items": [{"item_id": "p-9"}]}
    assert made(other, "ga4")[0]["event_id"] != made(bare, "ga4")[0]["event_id"]


@pytest.mark.parametrize("name", ["session_start", "first_visit", "first_open", "user_engagement"])
def test_what_ga4_sends_by_itself_only_moves_time_on(name: str) -> None:
    (event,) = made({**GA4_ROW, "event_name": name}, "ga4")
    assert (event["event_type"], event["properties"]["event"]) == ("heartbeat", name)


@pytest.mark.parametrize("end", [" UTC", "UTC", " GMT", "Z", " Z", "+00:00", " +0000", "+0000", ""])
@pytest.mark.parametrize("between", ["T", " "])
def test_utc_in_every_spelling(end: str, between: str) -> None:
    written = f"2023-11-14{between}22:13:20.5{end}"
    row = {**SNOWPLOW, "derived_tstamp": written}
    assert made(row, "snowplow")[0]["event_time_ms"] == T0 + 500
    assert made({**SEGMENT_ADDED, "timestamp": written}, "segment")[0]["event_time_ms"] == T0 + 500


def test_snowplow_as_warehouses_have_it() -> None:
    prefix = "contexts_com_snowplowanalytics_snowplow_client_session_1_0_1"
    camel = made(SNOWPLOW_APP, "snowplow")[0]
    snake = {**SNOWPLOW_APP, prefix: [{"user_id": "d-2", "session_id": "s-2", "event_index": 11}]}
    for message in (snake, {key.upper(): value for key, value in snake.items()}):
        assert ADAPTERS["snowplow"].recognises(message)
        event = made(message, "snowplow")[0]
        for name in ("event_id", "anonymous_id", "session_hint", "sequence", "event_type", "order"):
            assert event[name] == camel[name]


@pytest.mark.parametrize("sent", ["Invalid Date", "", {}, [], True, "9999"])
def test_a_time_that_only_helps_loses_no_event(sent: Any) -> None:
    assert (
        made({**SEGMENT_ADDED, "sentAt": sent, "originalTimestamp": sent}, "segment")[0]["event_time_ms"]
        == T0
    )
    assert (
        made({**SNOWPLOW, "dvce_sent_tstamp": sent, "dvce_created_tstamp": sent}, "snowplow")[0][
            "event_time_ms"
        ]
        == T0
    )
    assert len(made({**FOOTFALL, "sent_at_ms": sent}, "footfall")) == 3


def consented(**preferences: bool) -> Document:
    return {**SEGMENT_ADDED, "context": {"consent": {"categoryPreferences": preferences}}}


@pytest.mark.parametrize(
    ("message", "name", "word"),
    [
        (consented(Analytics=True, Advertising=True), "segment", "granted"),
        (consented(Analytics=True, Advertising=False), "segment", "denied"),
        (consented(Advertising=False), "segment", "denied"),
        (consented(Necessary=True, C0002=True, C0004=False), "segment", "denied"),
        (consented(maps=True, chat=False), "segment", None),
        (
            {**SEGMENT_ADDED, "context": {"consentManagement": {"deniedConsentIds": ["C0004"]}}},
            "segment",
            "denied",
        ),
        (
            {**GA4_PURCHASE, "privacy_info": {"analytics_storage": "Yes", "ads_storage": "Yes"}},
            "ga4",
            "granted",
        ),
        (
            {**GA4_PURCHASE, "privacy_info": {"analytics_storage": "Unset", "ads_storage": "Unset"}},
            "ga4",
            None,
        ),
        (
            {**GA4_PURCHASE, "consent": {"ad_user_data": "DENIED", "ad_personalization": "GRANTED"}},
            "ga4",
            "denied",
        ),
    ],
)
def test_a_word_on_acting_goes_into_the_context(message: Document, name: str, word: str | None) -> None:
    assert made(message, name)[0].get("context", {}).get("consent") == word


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (consented(Analytics=False), "segment"),
        (consented(all=False, of=False, them=False), "segment"),
        ({**SEGMENT_ADDED, "context": {"consentManagement": {"deniedConsentIds": ["C0002"]}}}, "segment"),
        ({**GA4_PURCHASE, "privacy_info": {"analytics_storage": "No", "ads_storage": "Yes"}}, "ga4"),
        ({**GA4_PURCHASE, "consent": {"analytics_storage": "denied"}}, "ga4"),
    ],
)
def test_what_may_not_be_measured_is_held_back_without_its_bytes(message: Document, name: str) -> None:
    (one,) = results(message, name)
    assert isinstance(one, Refusal)
    assert (one.verdict.reason, one.payload) == ("no_consent", None)


@pytest.mark.parametrize(
    ("chosen", "status"),
    [
        ({"eventType": "allow_all"}, "granted"), ({"event_type": "deny_all"}, "denied"), ({"eventType": "withdrawn"}, "denied"),
        ({"event_type": "expired"}, "denied"), ({"eventType": "pending"}, None),
        ({"event_type": "allow_selected", "consent_scopes": ["analytics"]}, "granted"),
        ({"event_type": "allow_selected", "consent_scopes": ["marketing"]}, None),
    ],
)  # fmt: skip
def test_snowplows_choices(chosen: Document, status: str | None) -> None:
    row = {**SNOWPLOW, "event_name": "consent_preferences",
           "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1_0_0": None,
           "unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_1_0_0": chosen}  # fmt: skip
    (event,) = made(row, "snowplow")
    assert (event["event_type"], event["properties"].get("status")) == ("consent", status)


@given(
    st.dictionaries(
        st.text(max_size=12), st.one_of(st.booleans(), st.text(max_size=5), st.none(), st.integers())
    )
)
def test_any_answers_give_words_or_none(answers: Document) -> None:
    assert set(consent.words(answers)) <= {"granted", "denied", None}


def test_the_page_lists_every_text_without_value() -> None:
    page = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    for texts_of in (absent.BY_SENDER, absent.IDS_BY_SENDER):
        for sender, sent in texts_of.items():
            (row,) = [line for line in page.splitlines() if f"| {sender} |" in line]
            assert [text for text in sent if f"`{text}`" not in row and text != "0" * 32] == []
