"""A cart with its content: what is taken out again is not waited for, and counts no more."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests import cart_oracle, oracle
from tests.random_streams import stream
from tests.rule_stories import WAYS, Way, moments, shipped, signals, signals_with_late
from tests.words import DAY, MINUTE, Document, cart, page, purchase, t, taken_out

CART = shipped("cart_abandoned")
FIRES = t(30)
every_way = pytest.mark.parametrize("way", WAYS, ids=str)
SEEDS = range(150)


def put(at_ms: int, product: str | None = "a", **more: Any) -> Document:
    """An add_to_cart of a product; what else is given goes into the product."""
    return cart(at_ms, product={**({"product_id": product} if product else {}), **more})


def out(at_ms: int, product: str | None = "a", **more: Any) -> Document:
    """A remove_from_cart of a product."""
    return taken_out(at_ms, product={**({"product_id": product} if product else {}), **more})


# name, events, (when it fires, add_to_carts, value) of each abandonment
STORIES: list[tuple[str, list[Document], list[tuple[int, int, float | None]]]] = [
    ("taken out again", [put(t(0)), out(t(1)), page(t(2))], []),
    ("taken out in the last millisecond", [put(t(0)), out(FIRES)], []),
    ("taken out a millisecond too late", [put(t(0), price=9), out(FIRES + 1)], [(FIRES, 1, 9.0)]),
    ("another product is left", [put(t(0), price=5), put(t(1), "b", price=7), out(t(2))], [(t(31), 2, 7.0)]),
    ("a removal does not wait anew", [put(t(0), quantity=2, price=5), out(t(20), quantity=1)], [(FIRES, 1, 5.0)]),
    ("fewer are taken out than are in it", [put(t(0), quantity=3, price=5), out(t(1), quantity=2)], [(FIRES, 1, 5.0)]),
    ("exactly as many", [put(t(0), quantity=3, price=5), out(t(1), quantity=3)], []),
    ("more than are in it", [put(t(0), quantity=1), out(t(1), quantity=5)], []),
    ("all of it without a quantity", [put(t(0), quantity=9), out(t(1))], []),
    ("one of it without a quantity was put in", [put(t(0), price=4), put(t(1), price=4), out(t(2), quantity=1)], [(t(31), 2, 4.0)]),
    ("of what is not in it, nothing", [put(t(0), price=5), out(t(1), "b")], [(FIRES, 1, 5.0)]),
    ("taken out before it was put in", [out(t(0)), put(t(1), price=5)], [(t(31), 1, 5.0)]),
    ("one piece at a time", [put(t(0), quantity=2), out(t(1), quantity=1), out(t(2), quantity=1)], []),
    ("emptied and filled again", [put(t(0), price=5), out(t(1)), put(t(2), "b", price=7)], [(t(32), 1, 7.0)]),
    ("taken out after it was left", [put(t(0), price=5), out(t(40)), put(t(50), "b", price=7), out(t(51), "b")], [(FIRES, 1, 5.0)]),
    ("what was left is still in it", [put(t(0), price=5), put(t(60), "b", price=7)], [(FIRES, 1, 5.0), (t(90), 1, 12.0)]),
    ("what was left keeps it from being empty", [put(t(0), price=5), put(t(60), "b"), out(t(61), "b")], [(FIRES, 1, 5.0), (t(90), 1, 5.0)]),
    ("what was bought counts no more", [put(t(0), "tv", price=600), purchase(t(10)), put(t(20), "cable", price=20)], [(t(50), 1, 20.0)]),
    ("and half an hour later it is the same", [put(t(0), "tv", price=600), purchase(t(10)), put(t(41), "cable", price=20)], [(t(71), 1, 20.0)]),
    ("bought with it, equal sort keys", [purchase(t(0), event_id="a"), {**put(t(0)), "event_id": "b"}], []),
    ("price times quantity", [put(t(0), price=30, quantity=2), put(t(10), "b", price=15.5)], [(t(40), 2, 75.5)]),
    ("the last price of a product", [put(t(0), price=30), put(t(1), price=20)], [(t(31), 2, 40.0)]),
    ("the last price that was given", [put(t(0), price=30), put(t(1))], [(t(31), 2, 60.0)]),
    ("no price, no value", [put(t(0)), put(t(1), "b")], [(t(31), 2, None)]),
    ("what has no price counts without value", [put(t(0)), put(t(1), "b", price=3)], [(t(31), 2, 3.0)]),
    ("half a cent is rounded up", [put(t(0), price=0.125)], [(FIRES, 1, 0.13)]),
    ("quantity as text", [put(t(0), price=60, quantity="2")], [(FIRES, 1, 120.0)]),
    ("quantity with a fraction of zero", [put(t(0), price=60, quantity=2.0)], [(FIRES, 1, 120.0)]),
    ("quantity of nothing is one", [put(t(0), price=60, quantity=0)], [(FIRES, 1, 60.0)]),
    ("quantity below nothing is one", [put(t(0), price=60, quantity=-3)], [(FIRES, 1, 60.0)]),
    ("quantity that is no number is one", [put(t(0), price=60, quantity="some")], [(FIRES, 1, 60.0)]),
    ("without a product they are of one", [put(t(0), None), out(t(1), None)], []),
    ("and each has its price", [put(t(0), None, price=30, quantity=2), put(t(10), None, price=15.5)], [(t(40), 2, 75.5)]),
    ("no product at all", [cart(t(0)), taken_out(t(10))], []),
    ("a number is a name, too", [cart(t(0), product={"product_id": 7}), out(t(1), "7")], []),
    ("a very long name", [put(t(0), "x" * 40_000), out(t(1), "x" * 40_000)], []),
    ("two very long names", [put(t(0), "x" * 40_000, price=2), put(t(0, 1), "y" * 40_000), out(t(1), "y" * 40_000)], [(t(30, 1), 2, 2.0)]),
    ("two currencies are not added up", [put(t(0), price=150, currency="EUR"), put(t(1), "b", price=60, currency="USD")], [(t(31), 2, 150.0)]),
    ("what names none is in any", [put(t(0), price=150, currency="EUR"), put(t(1), "b", price=60)], [(t(31), 2, 210.0)]),
]  # fmt: skip


@every_way
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story[0])
def test_a_cart_with_content(
    way: Way, story: tuple[str, list[Document], list[tuple[int, int, float | None]]]
) -> None:
    _, events, expected = story
    found = [one for one in signals([CART], events, way) if one["status"] == "active"]
    given = [one["evidence"] for one in found]
    assert [(one["occurred_at_ms"], one["evidence"]["cart_events"]) for one in found] == [
        (at, count) for at, count, _ in expected
    ]
    assert [one.get("value") for one in given] == [value for *_, value in expected]


@every_way
@pytest.mark.parametrize(
    ("price", "band"),
    [(0, "0-50"), (49.99, "0-50"), (50, "50-100"), (100, "100-200"), (200, "200-500"), (499.99, "200-500"), (500, "500+")],
)  # fmt: skip
def test_the_band_of_what_is_left(way: Way, price: float, band: str) -> None:
    given = [put(t(0), price=price), put(t(1), "b", price=1_000), out(t(2), "b")]
    assert signals([CART], given, way)[0]["evidence"]["value_band"] == band


@every_way
def test_a_purchase_recovers_what_was_left_and_empties(way: Way) -> None:
    given = [put(t(0), price=5), purchase(t(60)), put(t(70), "b", price=7), out(t(71), "b")]
    assert moments(signals([CART], given, way)) == [("active", FIRES), ("recovered", FIRES)]


@every_way
def test_a_removal_recovers_nothing(way: Way) -> None:
    assert moments(signals([CART], [put(t(0)), out(t(40))], way)) == [("active", FIRES)]


def test_a_late_purchase_takes_back_and_empties() -> None:
    given = [put(t(0)), page(t(40)), put(t(50), "b"), out(t(51), "b"), page(t(52))]
    late = [(t(41), purchase(t(20), event_id="late"))]
    assert moments(signals_with_late([CART], given, late)) == [("active", FIRES), ("retracted", FIRES)]


def test_a_late_removal_takes_nothing_back() -> None:
    given = [put(t(0)), page(t(40))]
    assert moments(signals_with_late([CART], given, [(t(35), out(t(20), event_id="late"))])) == [
        ("active", FIRES)
    ]


def of_carts(events: list[Document]) -> list[tuple[Any, ...]]:
    """What the naive oracle says of them."""
    found: list[tuple[Any, ...]] = []
    for one in cart_oracle.abandonments(events):
        given = (one.visitor_id, one.fires_at_ms, one.last_cart_event_id, one.cart_events, one.value)
        found.append(("active", *given))
        found += [("recovered", *given)] if one.recovered_at_ms is not None else []
    return sorted(found, key=str)


def with_products(events: list[Document], seed: int) -> list[Document]:
    """The same events, with products that repeat; copies stay copies."""

    found = []
    for event in events:
        chance = random.Random(f"{seed}{event['event_id']}")
        product: Document = {"product_id": chance.choice("abc")} if chance.random() < 0.8 else {}
        product |= {"quantity": chance.randint(1, 3)} if chance.random() < 0.6 else {}
        product |= {"price": chance.choice([5, 19.5, 60])} if chance.random() < 0.7 else {}
        kind = event["event_type"]
        kind = "remove_from_cart" if kind in ("page_view", "custom:x") and chance.random() < 0.7 else kind
        found.append({**event, "event_type": kind, "product": product})
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_random_carts_equal_the_naive_oracle(seed: int) -> None:
    events = with_products(stream(seed), seed)
    found = signals([CART], events, WAYS[seed % len(WAYS)])
    mine = [
        (
            one["status"], one["visitor_id"], one["occurred_at_ms"], one["evidence"]["last_cart_event_id"],
            one["evidence"]["cart_events"], one["evidence"].get("value"),
        )
        for one in found
    ]  # fmt: skip
    assert sorted(mine, key=str) == of_carts(events)


def test_the_random_carts_are_of_every_kind() -> None:
    found = [one for seed in SEEDS for one in of_carts(with_products(stream(seed), seed))]
    assert {one[0] for one in found} == {"active", "recovered"}
    plain = sum(len(oracle.abandonments(with_products(stream(seed), seed))) for seed in SEEDS)
    assert 100 < sum(one[0] == "active" for one in found) < plain


def test_the_wait_is_half_an_hour_and_the_recovery_a_day() -> None:
    assert (CART.within, CART.recovered_within) == (30 * MINUTE, DAY)
