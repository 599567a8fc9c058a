"""Every case after a public report, with its right answer written out: what adapters, contract, rules and feed say.

A name's number is that of the case's folder; `tests/cases/case.py` says where the folders are.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from connectors.contracts.events import Event, validate_event
from tests.cases.case import T0, Found, folder, found, late, lines, story_of

NO_ID = {"product_id", "category", "brand"}


def answer(name: str, adapter: str = "auto") -> Found:
    return story_of(name, adapter).found()


def test_01_ga4_not_set_is_no_value() -> None:
    story = story_of("01-ga4-not-set")
    assert "(not set)" not in str(story.events)
    assert [reason for reason, _ in story.refused] == ["missing_field"]  # nobody's: neither id was ever set
    assert all(not NO_ID & set(event.get("product", {})) for event in story.events)
    assert [event["order"] for event in story.events if "order" in event] == [
        {"revenue": 30.0},
        {"revenue": 45.0},
    ]
    got = story.found()
    assert got.kinds("p.1") == {"first_purchase", "repeat_purchase"}
    assert got.visitors() == {"p.1", "p.2"}


def test_02_a_cart_and_its_purchase_of_one_ga4_batch() -> None:
    first, second = story_of("02-ga4-batch-order").events
    assert first["sequence"] < second["sequence"]
    assert answer("02-ga4-batch-order").kinds("b.1") == {"first_purchase"}


def test_04_snowplow_as_bigquery_exports_it() -> None:
    story = story_of("04-snowplow-bigquery-rows")
    assert story.refused == []
    first, second = story.events
    assert (first["event_time_ms"], first["visitor_id"]) == (T0 + 123, "d-1")
    names = ("visitor_id", "anonymous_id", "session_hint", "sequence")
    assert [second[name] for name in names] == ["install-7", "install-7", "s-7", 3]


def test_05_segments_names_in_every_spelling() -> None:
    story = story_of("05-segment-event-names")
    assert [event["event_type"] for event in story.events] == [
        *["add_to_cart", "purchase"] * 3,
        "add_to_cart",
    ]
    got = story.found()
    assert [got.kinds(visitor) for visitor in ("n-a", "n-b", "n-c")] == [{"first_purchase"}] * 3
    assert got.kinds("n-d") == {"cart_abandoned"}


def test_06_a_segment_batch_of_one_second() -> None:
    story = story_of("06-segment-batch-same-time")
    assert [event["sequence"] for event in story.events] == [0, 1]
    assert story.found().kinds("m-1") == {"first_purchase"}


def test_07_ids_without_a_value() -> None:
    story = story_of("07-illegal-ids")
    assert [event.get("user_id") for event in story.events] == [None] * 10
    assert story.refused == [
        ("wrong_type", "userId"),  # false
        ("wrong_type", "userId"),  # 12345.0: whether it was rounded nobody knows
        ("missing_field", "userId or anonymousId or previousId"),  # the nil UUID alone
    ]
    got = story.found()
    assert got.kinds("dev-one") == {"cart_abandoned"}
    assert got.kinds("dev-two") == {"first_purchase"}
    assert got.visitors() == {"dev-one", "dev-two", *(f"dev-{letter}" for letter in "cdefgh")}


def test_08_the_same_event_in_two_tables_of_ga4() -> None:
    first, second = story_of("08-ga4-intraday-daily").events
    assert first["event_id"] == second["event_id"]
    got = answer("08-ga4-intraday-daily")
    assert got.verdicts["duplicate"] == 1
    evidence = got.evidence("i.1", "cart_abandoned")
    assert (evidence["cart_events"], evidence["value"], evidence["value_band"]) == (1, 30.0, "0-50")


def test_09_prices_are_right_or_absent() -> None:
    story = story_of("09-prices")
    prices = {
        event["event_id"]: event["product"].get("price") for event in story.events if "product" in event
    }
    assert prices == {**dict.fromkeys(("p1", "p2", "p3", "p4", "p6", "p7", "p8", "p11")), "p5": 12.5}
    kept = {
        name: story.of(name)["properties"]["price"] for name in ("p1", "p2", "p3", "p4", "p6", "p7", "p8")
    }
    assert kept == {
        "p1": "1.299,00", "p2": "1,299.00", "p3": "59,90", "p4": "1_299", "p6": "\uff11\uff12", "p7": "$12.50", "p8": "NaN",
    }  # fmt: skip
    assert [story.of(name)["product"]["quantity"] for name in ("p1", "p2")] == [1, 1]
    assert "quantity" not in story.of("p8")["product"]
    assert story.of("p9")["order"] == {"order_id": "o", "revenue": 250.0, "currency": "EUR"}
    assert story.of("p10")["order"] == {"order_id": "o", "revenue": 250}


def test_10_consent_in_the_vendors_own_form() -> None:
    story = story_of("10-consent-through-adapters")
    words = {event["visitor_id"]: event.get("context", {}).get("consent") for event in story.events}
    assert words == dict.fromkeys(("con-1", "con-2", "con-3", "con-5"), "denied")
    said = {
        event["visitor_id"]: event["properties"].get("status")
        for event in story.events
        if event["event_type"] == "consent"
    }
    assert said == dict.fromkeys(("con-1", "con-2", "con-3"), "denied")
    # What says of itself that it may not be measured is held back at the door; its bytes are not kept.
    assert story.refused == [("no_consent", None), ("no_consent", None)]
    got = story.found()
    assert got.kinds("con-1") == set() and "con-4" not in got.visitors()
    # Advertising alone is denied: measured, and triggers see that nobody may act.
    (signal,) = [
        one for one in got.signals if (one["visitor_id"], one["kind"]) == ("con-5", "cart_abandoned")
    ]
    assert signal["context"]["consent"] == "denied"


def test_11_what_ga4_sends_by_itself_is_no_behaviour() -> None:
    story = story_of("11-ga4-bounce")
    assert [event["event_type"] for event in story.events] == ["heartbeat", "heartbeat", "page_view"]
    got = story.found()
    assert got.lengths("bo.1") == [1]
    assert [one["kind"] for one in got.signals] == ["bounce"]
    assert (got.verdicts["valid"], got.verdicts["heartbeat"]) == (1, 2)


def test_12_clocks_of_segment() -> None:
    story = story_of("12-segment-clocks")
    assert [reason for reason, _ in story.refused] == ["out_of_range", "wrong_type", "wrong_type"]
    times = {event["event_id"]: event["event_time_ms"] - T0 for event in story.events}
    assert times == {"t1": 0, "t2": 0, "t3": 0, "t5": 123, "t6": 123, "t9": -80_000_000, "t10": 0, "t11": 0}


def test_20_an_emptied_cart_is_not_abandoned() -> None:
    assert answer("20-cart-emptied").kinds("v20") == set()


def test_22_a_guest_that_signs_in_and_buys() -> None:
    got = answer("22-guest-cart-then-login")
    for letter in "abc":
        assert got.kinds(f"g22{letter}") == set()
        assert got.kinds(f"u22{letter}") == {"visitor_merged", "first_purchase"}


def test_23_one_order_twice() -> None:
    assert answer("23-duplicate-purchase").kinds("v23") == {"first_purchase"}


def test_24_orders_without_an_id_are_different_orders() -> None:
    got = answer("24-purchase-without-order-id")
    assert got.kinds("v24") == {"first_purchase", "repeat_purchase"}
    assert got.kinds("v24b") == {"first_purchase"}


def test_25_a_cart_and_its_purchase_in_one_millisecond() -> None:
    assert answer("25-second-resolution").kinds("v25") == {"first_purchase"}


def test_26_nul_and_control_characters() -> None:
    got = answer("26-nul-and-control")
    assert got.lengths("v26\0x") == [6]
    assert got.kinds("v26\0x") == {"cart_abandoned", "category_interest", "product_revisit"}


def test_27_very_long_texts() -> None:
    got = answer("27-very-long-url")
    assert got.kinds("v27") == {"cart_abandoned", "category_interest", "product_revisit", "rage_clicks"}
    assert got.kinds("v27b") == {"first_purchase", "high_value_session"}
    assert got.rejected == []


def test_28_half_a_surrogate_pair_is_a_question_mark() -> None:
    story = story_of("28-lone-surrogates")
    assert [event["event_id"] for event in story.events] == ["s28-?", "s28-?", "s28-x"]
    got = story.found()
    assert (got.visitors(), got.verdicts["duplicate"]) == ({"v28?"}, 1)


def test_29_ids_are_opaque_and_blanks_are_none() -> None:
    story = story_of("29-id-spelling")
    assert story.refused == [("missing_field", "visitor_id")] * 2
    spellings = [("Ann@Example.org", "ann@example.org"), ("v29 ", "v29"), ("v29-caf\u00e9", "v29-cafe\u0301")]
    got = story.found()
    for first, second in spellings:
        assert (got.kinds(first), got.kinds(second)) == ({"cart_abandoned"}, {"first_purchase"})


def test_30_back_from_the_payment_page() -> None:
    got = answer("30-gateway-referral")
    assert (got.lengths("v30"), got.kinds("v30")) == ([5], {"first_purchase"})


def test_31_midnight_and_the_hour_that_comes_twice() -> None:
    assert answer("31-midnight-and-dst").lengths("v31") == [6]


def test_32_prices_that_are_none() -> None:
    story = story_of("32-negative-price")
    prices = {event.visitor_id: event.product.price for event in story.read() if event.product}
    assert prices == {
        "v32": -20.0, "v32b": 60.0, "v32c": 60.0, "v32d": 60.0, "v32e": None, "v32f": None, "v32g": 60.0, "v32h": None,
        "v32i": None, "v32j": None,
    }  # fmt: skip
    got = story.found()
    values = {
        one["visitor_id"]: one["evidence"].get("value")
        for one in got.signals
        if one["kind"] == "cart_abandoned"
    }
    assert {name: values[name] for name in ("v32e", "v32f", "v32h", "v32i", "v32j")} == dict.fromkeys(
        ("v32e", "v32f", "v32h", "v32i", "v32j")
    )
    assert (values["v32d"], values["v32g"]) == (60.0, 60.0)
    assert got.lengths("v32k") == [2]


def test_33_a_purchase_three_days_later_does_not_recover() -> None:
    assert answer("33-offline-purchase").kinds("v33") == {"cart_abandoned", "first_purchase"}


def test_34_one_id_of_two_devices_is_two_events() -> None:
    got = answer("34-event-id-collision")
    assert (got.lengths("v34-human"), got.lengths("v34-other")) == ([1], [2])
    assert got.kinds("v34-other") == {"first_purchase", "high_value_session"}
    assert got.verdicts == {"valid": 3}


def test_35_a_tab_left_open() -> None:
    got = answer("35-open-tab-pings")
    ends = [(one["events"], one["close_reason"]) for one in got.sessions if one["visitor_id"] == "v35"]
    assert sorted(ends, reverse=True) == [(144, "max_duration"), (13, "gap")]


def test_36_a_clock_that_is_ahead_makes_nothing_late(tmp_path: Path) -> None:
    rows = lines("36-clock-ahead-in-a-file")
    path = tmp_path / "events.jsonl"
    ordinary = [
        b'{"schema":"event/1","event_id":"o-%d","event_type":"page_view","event_time_ms":%d,"visitor_id":"v"}'
        % (number, T0 + number * 1_000)
        for number in range(40_000)
    ]
    ahead = [orjson.dumps({**orjson.loads(rows[2]), "event_id": f"a-{number}"}) for number in range(12)]
    path.write_bytes(b"\n".join([*rows, *ordinary[:10_000], *ahead, *ordinary[10_000:]]) + b"\n")
    as_it_is, as_fed = late(path)
    assert (as_it_is > 30_000, as_fed) == (True, 0)
    got = found(rows)
    assert got.kinds("v36e") == {"cart_abandoned"}
    assert [got.kinds(f"v36c{number}") for number in range(4)] == [
        {"category_interest", "product_revisit"}
    ] * 4


def test_37_ga360_not_set_is_no_value() -> None:
    story = story_of("37-ga360-not-set")
    assert "(not set)" not in str(story.events)
    first, second = story.events
    assert first["product"] == {"price": 10.0, "currency": "USD"}
    assert second["order"] == {"revenue": 5.0}


def test_38_after_a_purchase_the_cart_is_a_new_one() -> None:
    got = answer("38-cart-value-after-purchase", "canonical")
    for visitor in ("v38", "v38b"):
        evidence = got.evidence(visitor, "cart_abandoned")
        assert (evidence["cart_events"], evidence["value"], evidence["value_band"]) == (1, 20.0, "0-50")


def test_39_rudderstack_speaks_as_segment() -> None:
    first, second = story_of("39-rudderstack").events
    assert (first["visitor_id"], first["event_type"], first["event_time_ms"]) == (
        "rud-1",
        "add_to_cart",
        T0 + 1_000,
    )
    assert first["product"] == {"product_id": "p", "price": 60.0, "quantity": 1, "currency": "EUR"}
    assert (second["visitor_id"], second["order"]) == ("1007", {"order_id": "1234", "revenue": 60})


def test_41_the_order_of_a_segment_batch() -> None:
    story = story_of("41-segment-batch-sequence")
    assert [event["sequence"] for event in story.events] == [0, 1, 2] * 8
    got = story.found()
    assert [got.kinds(f"sb-{number}") for number in range(8)] == [{"cart_abandoned", "price_hesitation"}] * 8


def test_42_a_user_on_ordinary_events_of_a_device() -> None:
    assert "visitor_merged" in answer("42-snowplow-user-stitching").kinds("sp-user")


def test_43_whole_numbers_however_they_are_written() -> None:
    read = [validate_event(line) for line in lines("43-whole-floats")]
    events = {event.event_id: event for event in read if isinstance(event, Event)}
    assert [events[name].event_time_ms for name in ("w1", "w2", "w7")] == [T0] * 3
    assert [events[name].product.quantity for name in ("w3", "w4", "w5")] == [2, 2, 2]  # type: ignore[union-attr]
    assert (events["w6"].sequence, events["w7"].visitor_id) == (1, "12345")
    got = found(lines("43-whole-floats"))
    values = [got.evidence(f"v43{letter}", "cart_abandoned")["value"] for letter in "cde"]
    assert values == [120.0] * 3 and "12345" in got.visitors()


def test_44_sums_of_several_currencies_are_none() -> None:
    events = story_of("44-mixed-currencies", "canonical").events
    assert [event["order"]["currency"] for event in events] == ["JPY", "EUR", "USD"]
    got = answer("44-mixed-currencies", "canonical")
    assert (got.kinds("v44a"), got.kinds("v44b")) == (
        {"first_purchase"},
        {"first_purchase", "repeat_purchase"},
    )


def test_every_case_has_its_test() -> None:
    numbers = {
        path.name[:2]
        for path in folder("01-ga4-not-set").parent.glob("*/input.jsonl")
        for path in [path.parent]
    }
    assert numbers - {name[5:7] for name in globals() if name.startswith("test_")} == set()
