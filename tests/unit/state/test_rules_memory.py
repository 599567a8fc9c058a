"""What rules remember: bounded, dropped in time, the same from bytes, by name and version; guests and users."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from state.engine import Engine
from state.logic import NEVER
from state.rules.kinds.absence import MOST_LATE, MOST_UNANSWERED
from state.rules.kinds.base import MOST_KEYS
from state.rules.kinds.sequence import MOST_BEGUN
from state.rules.language.loading import SHIPPED, load
from tests.rule_lives import Life, event_of
from tests.rule_stories import OPTIONS, found_in, pack, rule, shipped, signals
from tests.words import DAY, Document, cart, event, page, purchase, t, taken_out

ALL = [one.rule for one in load([SHIPPED])]


def put(at_ms: int, product: str = "a", **more: Any) -> Document:
    return cart(at_ms, product={"product_id": product, **more})


# ------------------------------------------------------------------------------------------------- dropped

# name of the rule, events, when its memory is empty
LIVES: list[tuple[str, list[Document], int]] = [
    ("cart_abandoned", [put(t(0))], t(0) + 30 * DAY),  # the cart itself; the unanswered wait goes before
    ("cart_abandoned", [put(t(0)), purchase(t(5))], t(5)),
    ("cart_abandoned", [put(t(0)), taken_out(t(5), product={"product_id": "a"})], t(5)),
    ("cart_abandoned", [purchase(t(0))], t(0)),
    ("checkout_hesitation", [event("v", "checkout_start", t(0))], t(10) + 2 * DAY),
    ("checkout_hesitation", [event("v", "checkout_start", t(0)), purchase(t(5))], t(15)),
    ("price_hesitation", [put(t(0))], t(0) + DAY),
    ("price_hesitation", [put(t(0)), taken_out(t(1), product={"product_id": "a"}), put(t(2))], t(2)),
    ("rage_clicks", [event("v", "click", t(0), context={"path": "/a"})], t(0) + 2_000),
    ("first_purchase", [purchase(t(0), order={"order_id": "o"})], t(0) + 400 * DAY),
    ("repeat_purchase", [purchase(t(0))], t(0) + 365 * DAY),
]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: f"{life[0]}-{len(life[1])}")
def test_memory_is_empty_when_nothing_can_need_it(life: tuple[str, list[Document], int]) -> None:
    name, events, ends = life
    one = Life(shipped(name))
    one.take(*events)
    at_once = ends == events[-1]["event_time_ms"]
    one.settle(ends)
    assert one.is_empty() == (at_once and name != "cart_abandoned" or "remove" in events[-1]["event_type"])
    one.settle(ends + 1)
    assert one.is_empty(), (one.visitor.waits, one.visitor.unanswered, one.visitor.rules)


@pytest.mark.parametrize("life", [life for life in LIVES if "purchase" in life[0]], ids=lambda life: life[0])
def test_a_bounded_read_forgets_no_order(life: tuple[str, list[Document], int]) -> None:
    name, events, ends = life
    one = Life(shipped(name), bounded=True)
    one.take(*events)
    one.settle(ends + 1_000 * DAY)
    assert not one.is_empty()


def test_an_unanswered_wait_has_a_time_to_be_forgotten() -> None:
    one = Life(shipped("checkout_hesitation"))
    assert one.pack.next_due(one.visitor) == NEVER
    one.take(event("v", "checkout_start", t(0)))
    assert one.pack.next_due(one.visitor) == t(10)
    one.pack.on_due(one.visitor, t(10), one.found.append)
    assert one.found == []
    one.pack.on_due(one.visitor, t(10) + 1, one.found.append)
    assert one.moments() == [("active", t(10))]
    over = t(10) + 2 * DAY  # its recovery, and as long as an answer may come late
    assert one.pack.next_due(one.visitor) == over
    one.pack.on_due(one.visitor, over + 1, one.found.append)
    assert one.pack.next_due(one.visitor) == NEVER
    assert not one.visitor.unanswered


@pytest.mark.parametrize("name", ["cart_abandoned", "checkout_hesitation"])
@pytest.mark.parametrize("off_ms", [-1, 0, 1])
def test_a_late_answer_finds_its_wait_for_a_day_after_the_recovery(name: str, off_ms: int) -> None:
    one = Life(shipped(name))
    one.take(put(t(0)) if name == "cart_abandoned" else event("v", "checkout_start", t(0)))
    one.settle(t(31))
    (due,) = [at for _, at in one.moments()]
    one.settle(due + 2 * DAY + off_ms)
    one.late(purchase(t(5)))
    assert len(one.found) == (1 if off_ms > 0 else 2)


# ------------------------------------------------------------------------------------------------- bounded


def test_no_rule_grows_without_end() -> None:
    one = Life(*ALL)
    for number in range(3_000):
        at, name = t(0, number * 7), f"{number}"
        one.take(
            event("v", "product_view", at, product={"product_id": name, "category": name}),
            event("v", "click", at + 1, context={"path": name * 100}),
            put(at + 2, name, price=5),
            purchase(at + 3, order={"order_id": name}) if number % 2 else page(at + 3),
        )
    for name, memory in {**one.session.rules, **one.visitor.rules}.items():
        for part in memory if isinstance(memory, list) else [memory]:
            assert len(part) <= MOST_KEYS, name
    assert len(msgspec.msgpack.encode(one.visitor)) < 300_000
    assert len(msgspec.msgpack.encode(one.session)) < 200_000


def test_beginnings_of_a_sequence_are_bounded() -> None:
    one = Life(shipped("price_hesitation"))
    one.take(*(put(t(0, number)) for number in range(3 * MOST_BEGUN)))
    assert len(one.visitor.rules["price_hesitation/1"]["a"]) == MOST_BEGUN


def test_unanswered_waits_and_late_answers_are_bounded() -> None:
    text = "{kind: absence, where: {event_type: search}, without: {event_type: click}, within: 1 s, recovered_within: 30 d}"
    one = Life(rule(text))
    one.take(*(event("v", "search", t(number)) for number in range(2 * MOST_UNANSWERED)))
    one.late(*(event("v", "click", t(0) - number) for number in range(2 * MOST_LATE)))
    assert len(one.visitor.unanswered["story/1"]) == MOST_UNANSWERED
    assert len(one.visitor.rules["story/1"]["late"]) == MOST_LATE


# ---------------------------------------------------------------------------------- bytes, another version

STORY = [
    event("v", "product_view", t(0), product={"category": "a", "product_id": "p"}), put(t(1), price=3, quantity=2),
    event("v", "checkout_start", t(2)), taken_out(t(3), product={"product_id": "a", "quantity": 1}), put(t(4)),
    event("v", "video_start", t(5)), event("v", "search", t(6)), event("v", "form_start", t(7)),
    event("v", "video_complete", t(8)), page(t(50)), purchase(t(60), order={"order_id": "o", "revenue": 250, "currency": "EUR"}),
    event("v", "product_view", t(100), product={"category": "b"}), event("v", "click", t(0) + 8 * DAY, context={"path": "/x"}),
]  # fmt: skip


@pytest.mark.parametrize("at", range(1, len(STORY)))
def test_state_goes_on_from_bytes_anywhere(at: int) -> None:
    """A job that is restored between any two events says what one that was never stopped says."""
    documents = []
    engine = Engine(OPTIONS, pack(*ALL), buckets=1)
    for number, document in enumerate(STORY):
        if number == at:
            kept = [
                (bucket.store.rows.copy(), which)
                for which in ("devices", "visitors")
                for bucket in getattr(engine, which)
            ]
            engine = Engine(OPTIONS, pack(*ALL), buckets=1)
            for rows, which in kept:
                (bucket,) = getattr(engine, which)
                bucket.store.rows.update(rows)
                bucket.__init__(0, bucket.logic, bucket.store, bucket.live, bucket.counts)
        end = STORY[number + 1]["event_time_ms"] if number + 1 < len(STORY) else document["event_time_ms"] + 1
        documents += engine.take([orjson.dumps(document)], None, end).documents
    assert found_in([*documents, *engine.finish().documents]) == signals(ALL, STORY)


def test_a_new_version_begins_anew_and_the_old_one_leaves_nothing() -> None:
    first, second = (
        shipped("category_interest"),
        shipped("category_interest").model_copy(update={"version": 9}),
    )
    waiting, later = shipped("cart_abandoned"), shipped("cart_abandoned").model_copy(update={"version": 9})
    one = Life(first, waiting, shipped("repeat_purchase"))
    views = [event("v", "product_view", t(number), product={"category": "a"}) for number in range(7)]
    one.take(*views[:3], put(t(3)), purchase(t(3, 1)), put(t(3, 2)))
    one.pack = pack(second, later, shipped("repeat_purchase"))
    one.take(*views[3:6])
    assert one.found == []
    one.take(views[6], purchase(t(8)))
    assert [(found.rule.name, found.rule.version) for found in one.found] == [
        ("category_interest", 9), ("repeat_purchase", 1)
    ]  # fmt: skip
    one.settle(t(40))
    assert {key for key in (*one.visitor.waits, *one.visitor.rules)} == {"repeat_purchase/1"}


def test_a_pack_without_rules_finds_nothing_and_keeps_nothing() -> None:
    one = Life()
    one.take(put(t(0)), purchase(t(1)))
    one.late(purchase(t(1)))
    assert one.is_empty()
    assert one.pack.next_due(one.visitor) == NEVER


def test_due_signals_come_in_order_of_time() -> None:
    one = Life(shipped("cart_abandoned"), shipped("checkout_hesitation"))
    one.take(put(t(0)), event("v", "checkout_start", t(21)))
    one.pack.on_due(one.visitor, t(60), one.found.append)
    assert [found.rule.name for found in one.found] == ["cart_abandoned", "checkout_hesitation"]
    assert one.moments() == [("active", t(30)), ("active", t(31))]


# ------------------------------------------------------------------------------------------ guests, users


def test_a_guests_cart_is_the_users() -> None:
    user, now = Life(shipped("cart_abandoned")), t(10)
    for document in (
        put(t(0), price=5),
        put(t(1), "b", price=7),
        taken_out(t(2), product={"product_id": "a"}),
    ):
        user.pack.carry(user.visitor, event_of(document), "s", now)
    user.take(page(now))
    user.settle(t(31) + 1)
    (found,) = user.found
    assert (found.status, found.occurred_at, found.evidence["value"]) == ("active", t(31), 7)
    assert found.evidence["cart_events"] == 2


def test_a_guests_cart_that_was_left_is_in_it_but_not_waited_for() -> None:
    user = Life(shipped("cart_abandoned"))
    user.pack.carry(user.visitor, event_of(put(t(0), price=5)), "s", t(30) + 1)
    assert not user.visitor.waits
    user.take(put(t(40), "b", price=7), taken_out(t(41), product={"product_id": "b"}))
    user.settle(t(70) + 1)
    assert [found.evidence["value"] for found in user.found] == [5]


@pytest.mark.parametrize("session_is_open", [False, True])
def test_a_guests_checkout_is_the_first_of_the_users_session(session_is_open: bool) -> None:
    user = Life(shipped("checkout_hesitation"))
    user.visitor.session = user.session if session_is_open else None
    for document in (event("v", "checkout_start", t(0)), event("v", "checkout_step", t(4))):
        user.pack.carry(user.visitor, event_of(document), "s", t(5))
    user.take(event("v", "checkout_step", t(6)))
    user.settle(t(60))
    assert user.moments() == [("active", t(10))]


def test_a_guests_purchase_answers_what_the_guest_waited_for() -> None:
    user = Life(shipped("cart_abandoned"), shipped("checkout_hesitation"))
    for document in (put(t(0)), event("v", "checkout_start", t(1)), purchase(t(2))):
        user.pack.carry(user.visitor, event_of(document), "s", t(3))
    user.settle(t(60))
    assert user.found == []


def test_the_device_gets_echoes_after_its_release() -> None:
    guest = Life(shipped("cart_abandoned"), shipped("checkout_hesitation"))
    guest.take(put(t(0)), page(t(31)), put(t(40)), event("v", "checkout_start", t(41)))
    guest.pack.release(guest.visitor)
    assert not guest.visitor.waits
    guest.pack.echo(guest.visitor, event_of(purchase(t(50))), guest.found.append)
    guest.settle(t(90))
    assert guest.moments() == [("active", t(30)), ("recovered", t(30))]


def test_a_guest_that_signs_in_and_buys_is_not_reminded() -> None:
    """The same browser buys under the user's name: nothing is left to remind anybody of."""
    device, known = {"anonymous_id": "d"}, {"anonymous_id": "d", "user_id": "u", "visitor_id": "u"}
    guest = [{**put(t(0)), **device, "visitor_id": "d"}]
    user = [{**event("v", "identify", t(5)), **known}, {**purchase(t(8)), **known}]
    rules = [shipped("cart_abandoned"), shipped("checkout_hesitation")]
    assert signals(rules, [*guest, *user]) == []
    found = signals(rules, [*guest, user[0]])
    assert [(one["visitor_id"], one["occurred_at_ms"]) for one in found] == [("u", t(30))]
