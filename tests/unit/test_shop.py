"""The generated shop: seeded, in order of arrival, at its rate, plausible, and as hard as it claims."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from functools import cache
from itertools import islice, pairwise

import pytest

from connectors.contracts.events import Event, validate_event
from connectors.contracts.rejected import Reject
from connectors.contracts.vocabulary import known_type
from stack.shop import world as shop_world
from stack.shop.shop import Record, Shop
from tests import oracle

START_MS = 1_700_000_000_000
COUNT = 15_000


@cache
def records() -> tuple[list[Record], Counter[str]]:
    shop = Shop(seed=11, events_per_second=50, start_ms=START_MS, cart_timeout_ms=20_000)
    return list(islice(shop, COUNT)), shop.counts


@cache
def verdicts() -> list[Event | Reject]:
    return [validate_event(value, arrival_ms) for arrival_ms, _, value in records()[0]]


@cache
def events() -> list[Event]:
    return [event for event in verdicts() if isinstance(event, Event) and event.visitor_id != "poison"]


def test_the_same_seed_gives_the_same_records() -> None:
    def first(seed: int, start_ms: int = START_MS) -> list[Record]:
        return list(islice(Shop(seed, 100, start_ms), 500))

    assert first(1) == first(1) != first(2)
    earlier, later = ({value for _, _, value in first(1, start_ms)} for start_ms in (START_MS, START_MS + 1))
    assert not earlier & later - {None, b"", b"42", b"null", b"[1,2]", b'"page_view"'}


def test_records_come_in_order_of_arrival() -> None:
    arrivals = [arrival_ms for arrival_ms, _, _ in records()[0]]
    assert all(earlier <= later for earlier, later in pairwise(arrivals))
    assert arrivals[0] >= START_MS


@pytest.mark.parametrize("rate", [5.0, 400.0])
def test_the_rate_is_what_was_asked_for(rate: float) -> None:
    made = list(islice(Shop(3, rate, START_MS, day_amplitude=0, noisy=False), 5_000))
    assert 5_000 / ((made[-1][0] - made[0][0]) / 1_000) == pytest.approx(rate, rel=0.1)


def test_evenings_are_busier_than_nights() -> None:
    evening_ms = START_MS - START_MS % 86_400_000 + 20 * 3_600_000
    spans = []
    for start_ms in (evening_ms, evening_ms + 12 * 3_600_000):
        made = list(islice(Shop(3, 100, start_ms, day_amplitude=0.5, noisy=False), 3_000))
        spans.append(made[-1][0] - made[0][0])
    assert spans[1] / spans[0] == pytest.approx(3, rel=0.15)


def test_the_shares_of_trouble_are_as_stated() -> None:
    counts = records()[1]
    assert sum(counts.values()) == COUNT
    assert counts["duplicate"] == pytest.approx(0.01 * COUNT, rel=0.3)
    assert counts["malformed"] == pytest.approx(0.005 * COUNT, rel=0.3)
    assert counts["late"] == pytest.approx(0.002 * COUNT, rel=0.5)


def test_what_is_refused_is_what_was_poisoned() -> None:
    malformed = records()[1]["malformed"]
    refused = sum(isinstance(verdict, Reject) for verdict in verdicts())
    assert 0.8 * malformed < refused <= malformed


def test_some_records_overtake_others_and_some_are_late() -> None:
    delays = Counter(event_delay(event) for event in events())
    assert set(delays) == {"prompt", "delayed", "late"}
    assert delays["delayed"] > 10 * delays["late"]


def event_delay(event: Event) -> str:
    assert event.received_at_ms is not None
    delay_ms = event.received_at_ms - event.event_time_ms
    assert 0 <= delay_ms <= 60_000
    return "prompt" if delay_ms < 100 else "delayed" if delay_ms <= 1_500 else "late"


def test_duplicates_are_the_same_bytes_and_nothing_else_shares_an_id() -> None:
    by_id: dict[str, set[bytes]] = defaultdict(set)
    repeats = 0
    for (_, _, value), event in zip(records()[0], verdicts(), strict=True):
        if value is not None and isinstance(event, Event):
            repeats += event.event_id in by_id
            by_id[event.event_id].add(value)
    assert all(len(values) == 1 for values in by_id.values())
    assert repeats == records()[1]["duplicate"]


def test_every_record_of_a_visitor_has_the_visitor_as_its_key() -> None:
    for (_, key, _), event in zip(records()[0], verdicts(), strict=True):
        if key is not None:
            assert isinstance(event, Event)
            assert key.decode() == event.visitor_id


def test_journeys_are_plausible() -> None:
    types = Counter(event.event_type for event in events())
    funnel = [
        types[step] for step in ("product_view", "add_to_cart", "cart_view", "checkout_start", "purchase")
    ]
    assert funnel == sorted(funnel, reverse=True)
    assert funnel[-1] > 0
    assert set(types) <= {*shop_world.NEXT}
    assert all(event.product for event in events() if event.event_type in shop_world.ABOUT_PRODUCT)
    assert all(event.order and event.order.revenue for event in events() if event.event_type == "purchase")


def test_one_visitor_is_a_bot() -> None:
    by_visitor = Counter(event.visitor_id for event in events())
    (first, most), (_, second) = by_visitor.most_common(2)
    assert most > 5 * second
    assert {event.event_type for event in events() if event.visitor_id == first} == {"product_view"}


def test_some_carts_are_abandoned_and_some_of_those_recovered() -> None:
    documents = [dict(event.document) for event in events()]
    found = oracle.abandonments(documents, timeout_ms=20_000)
    recovered = [one for one in found if one.recovered_at_ms]
    assert len(found) > 50
    assert 0.02 < len(recovered) / len(found) < 0.6


def test_a_quiet_shop_has_only_events() -> None:
    shop = Shop(5, 100, START_MS, noisy=False)
    for arrival_ms, _, value in islice(shop, 2_000):
        event = validate_event(value, arrival_ms)
        assert isinstance(event, Event)
        assert event.event_time_ms == arrival_ms
    assert set(shop.counts) == {"event"}


def test_the_tables_only_know_steps_that_lead_on() -> None:
    for weights in (shop_world.ENTRY, shop_world.RETURN_TO_CART, *shop_world.NEXT.values()):
        assert set(weights) - {shop_world.LEAVE} <= set(shop_world.NEXT)
        assert len(shop_world.hundred(weights)) == 100
    assert all(known_type(step) for step in shop_world.NEXT)
    with pytest.raises(ValueError, match="they sum to 90"):
        shop_world.hundred({"page_view": 90})


@pytest.mark.parametrize("wrong", [{"events_per_second": 0}, {"day_amplitude": 1.0}])
def test_a_setting_out_of_range_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Shop(**{"seed": 1, "events_per_second": 1, "start_ms": 0} | wrong)  # type: ignore[arg-type]


def test_the_shop_is_never_the_bottleneck() -> None:
    shop = Shop(1, 20_000, START_MS)
    started = time.process_time()
    made = len(list(islice(shop, 20_000)))
    assert made / (time.process_time() - started) > 20_000
