"""A guest that signs in and buys is one visitor: no reminder, and an earlier signal is recovered."""

from __future__ import annotations

from typing import Any

import pytest

from state.engine import Engine
from state.options import Options
from tests.engine_runs import (
    DAY,
    FOREVER,
    HOUR,
    MINUTE,
    T0,
    Document,
    documents,
    event,
    lines,
    run,
    shipped,
    written,
)


def guest(kind: str, at: int, **more: Any) -> Document:
    return event("g", kind, at, anonymous_id="g", **more)


def user(kind: str, at: int, device: str | None = "g", **more: Any) -> Document:
    ids = {"user_id": "u"} if device is None else {"user_id": "u", "anonymous_id": device}
    return event("u", kind, at, **ids, **more)


def carts(events: list[Document], slice_ms: int = MINUTE, **arguments: Any) -> list[tuple[str, str, int]]:
    """(visitor, status, when) of what is said of carts, in the order in which it was said."""
    found = documents(run(lines(events), slice_ms, **arguments), "signal")
    given = [one for one in found if one["kind"] == "cart_abandoned"]
    return [(one["visitor_id"], one["status"], one["occurred_at_ms"] - T0) for one in given]


CART = guest("add_to_cart", 0, product={"product_id": "p", "price": 60})


@pytest.mark.parametrize("slice_ms", [50, MINUTE, HOUR])
@pytest.mark.parametrize(
    "rest",
    [
        [user("identify", 5 * MINUTE), user("purchase", 8 * MINUTE)],
        [user("purchase", 8 * MINUTE)],
        [user("custom:login", 5 * MINUTE), user("purchase", 8 * MINUTE, device="another")],
        [user("identify", 5 * MINUTE), user("purchase", 8 * MINUTE, device=None)],
    ],
    ids=["signs in, then buys", "buys by name", "buys elsewhere", "buys on no device"],
)
def test_a_guest_that_signs_in_and_buys_is_not_reminded(rest: list[Document], slice_ms: int) -> None:
    assert carts([CART, *rest], slice_ms) == []


def test_a_guest_that_signs_in_without_buying_is_reminded_as_a_user() -> None:
    assert carts([CART, user("identify", 5 * MINUTE)]) == [("u", "active", 30 * MINUTE)]


def contexts(events: list[Document]) -> list[Document]:
    found = documents(run(lines(events)), "signal")
    return [one["context"] for one in found if one["kind"] == "cart_abandoned"]


def test_a_signal_says_the_device_where_that_is_not_the_visitor() -> None:
    assert contexts([CART]) == [{}]  # a guest is its device
    assert contexts([CART, user("identify", 5 * MINUTE)]) == [{"anonymous_id": "g"}]
    elsewhere = user("identify", 5 * MINUTE, device="h", context={"page": "/"})
    cart = user("add_to_cart", 6 * MINUTE, device="h", context={"page": "/cart"})
    assert contexts([elsewhere, cart]) == [{"anonymous_id": "h", "page": "/cart"}]
    assert contexts([user("add_to_cart", 0, device=None)]) == [{}]


def test_a_member_of_the_shop_s_own_context_is_not_doubled() -> None:
    cart = user("add_to_cart", 0, context={"anonymous_id": "the shop's"})
    said = [one.body for one in run(lines([cart])).documents if one.kind == "signal"]
    (text,) = [body for body in said if b'"cart_abandoned"' in body]
    assert text.count(b'"anonymous_id"') == 1 and contexts([cart]) == [{"anonymous_id": "the shop's"}]


def test_the_content_of_the_cart_comes_along() -> None:
    events = [
        CART,
        guest("add_to_cart", 1, product={"product_id": "q", "price": 40}),
        user("identify", 5 * MINUTE),
    ]
    (found,) = [one for one in documents(run(lines(events)), "signal") if one["kind"] == "cart_abandoned"]
    assert found["evidence"]["value"] == 100
    emptied = [*events, user("remove_from_cart", 6 * MINUTE, product={"product_id": "p"})]
    (found,) = [one for one in documents(run(lines(emptied)), "signal") if one["kind"] == "cart_abandoned"]
    assert found["evidence"]["value"] == 40


def test_a_signal_of_the_guest_is_recovered_by_the_user() -> None:
    events = [CART, user("identify", HOUR), user("purchase", 2 * HOUR)]
    said = [("g", "active", 30 * MINUTE), ("g", "recovered", 30 * MINUTE)]
    assert carts(events) == said
    assert carts([CART, user("purchase", HOUR)]) == said
    assert carts([CART, user("purchase", 2 * DAY)]) == said[:1]


def test_the_second_user_of_a_device_gets_nothing_of_the_first() -> None:
    events = [CART, user("identify", 5 * MINUTE), user("purchase", 8 * MINUTE)]
    other = event("w", "identify", 10 * MINUTE, anonymous_id="g", user_id="w")
    assert carts([*events, other]) == []
    assert carts([CART, user("identify", 5 * MINUTE), other]) == [("u", "active", 30 * MINUTE)]


def test_a_second_login_shares_nothing_again() -> None:
    again = [user("identify", at * MINUTE) for at in (5, 6, 7)]
    assert carts([CART, *again]) == [("u", "active", 30 * MINUTE)]


def test_events_older_than_a_day_are_not_shared() -> None:
    late = [
        guest("add_to_cart", DAY, product={"product_id": "q", "price": 40}),
        user("identify", DAY + MINUTE),
    ]
    (found,) = [
        one
        for one in documents(run(lines([CART, *late])), "signal")
        if (one["visitor_id"], one["kind"]) == ("u", "cart_abandoned")
    ]
    assert found["evidence"]["value"] == 40


@pytest.mark.parametrize("status", ["denied", "erased"])
def test_nothing_is_shared_after_a_denial(status: str) -> None:
    no = guest("consent", MINUTE, properties={"status": status})
    assert not [one for one in carts([CART, no, user("identify", 5 * MINUTE)]) if one[0] == "u"]


def test_nothing_is_kept_to_be_linked_without_the_consent_that_is_required() -> None:
    engine = Engine(Options(consent_required=True), shipped())
    engine.take(lines([CART]), None, T0 + MINUTE)
    assert [device.guest for device in engine._live[0].objects.values()] == [[]]


def test_a_device_keeps_little_of_its_guest_and_not_for_long() -> None:
    engine = Engine(Options(), shipped())
    engine.take(lines([guest("add_to_cart", at) for at in range(200)]), None, T0 + MINUTE)
    (device,) = engine._live[0].objects.values()
    assert len(device.guest) == 50
    for bucket in engine.devices:
        bucket.settle(T0 + DAY + HOUR, engine.finish())
    assert (device.guest, device.ids) == ([], {})


def test_all_of_it_is_the_same_in_other_slices() -> None:
    kinds = ("add_to_cart", "remove_from_cart", "checkout_start", "purchase", "page_view")
    events = []
    for index in range(120):
        at = index * 7 * MINUTE
        make = user if index % 11 > 7 else guest
        events.append(make(kinds[index % 5], at, product={"product_id": str(index % 3), "price": 5}))
        if index % 9 == 0:
            events.append(user("identify", at, sequence=1))
    whole = written(run(lines(events), HOUR, options=FOREVER))
    for slice_ms in (50, 1_000, MINUTE):
        assert written(run(lines(events), slice_ms, live=0)) == whole
