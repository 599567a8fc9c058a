"""The oracle equals the independent truth of the real streams, and is right at every boundary."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from tests import datasets, oracle

HALF_HOUR = 1_800_000
DAY = 86_400_000


def event(at_ms: int, event_type: str = "page_view", sequence: int = 0, visitor: str = "v") -> dict[str, Any]:
    return {
        "event_id": f"{visitor}-{at_ms}-{sequence}-{event_type}",
        "event_type": event_type,
        "event_time_ms": at_ms,
        "visitor_id": visitor,
        "sequence": sequence,
    }


def cart(at_ms: int, sequence: int = 0) -> dict[str, Any]:
    return event(at_ms, "add_to_cart", sequence)


def purchase(at_ms: int, sequence: int = 0) -> dict[str, Any]:
    return event(at_ms, "purchase", sequence)


@pytest.mark.parametrize("stream", datasets.STREAMS)
def test_the_oracle_equals_the_truth(stream: str) -> None:
    datasets.require()
    columns = ["event_id", "event_type", "event_time_ms", "visitor_id", "sequence"]
    events = datasets.frame(stream).select(columns).to_dicts()
    assert {found.key for found in oracle.sessions(events)} == datasets.truth_sessions(stream)
    assert {found.key for found in oracle.abandonments(events)} == datasets.truth_abandonments(stream)


@pytest.mark.parametrize(("gap", "expected"), [(HALF_HOUR - 1, 1), (HALF_HOUR, 1), (HALF_HOUR + 1, 2)])
def test_only_a_gap_of_more_than_half_an_hour_ends_a_session(gap: int, expected: int) -> None:
    assert len(oracle.sessions([event(0), event(gap)])) == expected


def test_a_session_counts_its_types() -> None:
    (found,) = oracle.sessions([event(0), event(1), cart(2)])
    assert found.key == ("v", 0, 2, 3)
    assert dict(found.types) == {"page_view": 2, "add_to_cart": 1}


def test_order_of_arrival_does_not_matter() -> None:
    events = [cart(0), event(HALF_HOUR), purchase(2 * HALF_HOUR + 1), cart(2 * HALF_HOUR + 1, sequence=1)]
    orders = list(permutations(events))
    assert len({tuple(oracle.sessions(order)) for order in orders}) == 1
    assert len({tuple(oracle.abandonments(order)) for order in orders}) == 1


def test_a_repeated_event_id_counts_once() -> None:
    (found,) = oracle.sessions([event(0), event(0), event(5)])
    assert found.events == 2


def test_visitors_do_not_mix() -> None:
    found = oracle.abandonments([cart(0), event(1, "purchase", visitor="w")])
    assert [a.visitor_id for a in found] == ["v"]


@pytest.mark.parametrize(("after", "fired"), [(HALF_HOUR - 1, 0), (HALF_HOUR, 0), (HALF_HOUR + 1, 1)])
def test_a_purchase_in_time_clears_the_timer(after: int, fired: int) -> None:
    assert len(oracle.abandonments([cart(0), purchase(after)])) == fired


def test_a_further_cart_event_moves_the_timer() -> None:
    (found,) = oracle.abandonments([cart(0), cart(HALF_HOUR), event(HALF_HOUR + 5)])
    assert found.key == ("v", HALF_HOUR, 2 * HALF_HOUR)


def test_ties_follow_the_sequence() -> None:
    assert oracle.abandonments([cart(0, sequence=0), purchase(0, sequence=1)]) == []
    assert len(oracle.abandonments([purchase(0, sequence=0), cart(0, sequence=1)])) == 1


def test_the_removal_of_an_item_changes_nothing() -> None:
    assert len(oracle.abandonments([cart(0), event(5, "remove_from_cart")])) == 1


@pytest.mark.parametrize("after_firing", [1, DAY - 1, DAY])
def test_a_purchase_within_a_day_after_the_firing_recovers(after_firing: int) -> None:
    (found,) = oracle.abandonments([cart(0), purchase(HALF_HOUR + after_firing)])
    assert found.recovered_at_ms == HALF_HOUR + after_firing


def test_a_purchase_later_than_a_day_after_the_firing_does_not_recover() -> None:
    (found,) = oracle.abandonments([cart(0), purchase(HALF_HOUR + DAY + 1)])
    assert found.recovered_at_ms is None


def test_one_purchase_recovers_every_abandonment_of_the_day_before() -> None:
    events = [cart(0), cart(2 * HALF_HOUR), purchase(5 * HALF_HOUR), purchase(6 * HALF_HOUR)]
    found = oracle.abandonments(events)
    assert [a.recovered_at_ms for a in found] == [5 * HALF_HOUR, 5 * HALF_HOUR]
