"""Filters as functions over events say what they say over documents; amounts of money never mix currencies."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from state.events import Event, read_event
from state.rules.language.fields import FIELDS, field
from state.rules.language.filters import EVERY_KIND, Where
from state.vocabulary import CUSTOM, KIND
from tests.evaluation.documents import holds as over_documents
from tests.rule_stories import WAYS, Way, rule, shipped, signals
from tests.words import Document, cart, event, purchase, t

EVENTS: list[Document] = [
    event("v", "product_view", t(0), product={"category": "shoes", "price": 20, "quantity": 2}),
    event("v", "product_view", t(0), product={"category": "shoes", "price": "19.99", "brand": None}),
    event("v", "product_view", t(0), product={"category": 7, "price": 59.5, "product_id": True}),
    event("v", "product_view", t(0), product={"category": ["shoes"], "price": {"a": 1}}),
    event("v", "product_view", t(0), product={"price": 20.0, "quantity": 2.0}),
    event("v", "product_view", t(0), product="garbage", properties=[1]),
    event("v", "purchase", t(0), order={"order_id": "o", "revenue": 150, "currency": "EUR"}, user_id="u"),
    event("v", "purchase", t(0), order={"revenue": -3}, anonymous_id=9),
    event("v", "search", t(0), context={"device": "mobile", "path": "/a'\"b"}, properties={"size": 9}),
    event("v", "search", t(0), properties={"size": "9", "colour": "red", "on": True}),
    event("v", "search", t(0), properties={"size": "L", "colour": "blue"}, user_id="u"),
    event("v", "search", t(0), properties={"size": 9.5, "colour": 5}),
    event("v", "custom:favourite", t(0), product={"category": "bags"}),
    event("v", "custom:other", t(0)),
    event("v", "click", t(0)),
]
FILTERS: list[Document] = [
    {"event_type": "search"}, {"event_type": {"in": ["search", "click"]}}, {"event_type": {"exists": True}},
    {"event_type": {"exists": False}}, {"event_type": "custom:favourite"},
    {"event_type": {"in": ["custom:favourite", "click"]}}, {"event_type": {"eq": "click", "in": ["click", "search"]}},
    {"product.category": "shoes"}, {"product.category": {"exists": True}}, {"product.category": {"exists": False}},
    {"product.category": {"in": ["bags", "7"]}}, {"product.category": {"eq": "shoes", "exists": True}},
    {"product.price": 20}, {"product.price": {"gt": 19.99}}, {"product.price": {"gte": 19.99, "lt": 59.5}},
    {"product.price": {"lte": 20}}, {"product.price": {"in": [20, 59.5]}}, {"product.price": {"exists": False}},
    {"product.quantity": 2}, {"product.quantity": {"gte": 2}}, {"product.product_id": "true"},
    {"order.revenue": {"gt": 100}}, {"order.revenue": {"lt": 0}}, {"order.currency": "EUR"}, {"user_id": "u"},
    {"user_id": {"exists": False}}, {"anonymous_id": "9"}, {"context.device": "mobile"}, {"context.path": "/a'\"b"},
    {"properties.size": 9}, {"properties.size": "9"}, {"properties.size": {"gt": 9}}, {"properties.size": {"exists": True}},
    {"properties.on": "true"}, {"properties.colour": {"in": ["red", "5"]}}, {"properties.none": {"exists": False}},
    {"event_type": "search", "properties.size": {"gte": 9}},
    {"not": {"event_type": "search"}}, {"not": {"product.category": "shoes"}}, {"not": {"not": {"product.price": 20}}},
    {"any": [{"event_type": "click"}, {"product.category": "shoes"}]},
    {"any": [{"event_type": "click"}, {"event_type": "search", "user_id": "u"}]},
    {"all": [{"event_type": {"in": ["search", "click"]}}, {"properties.size": {"exists": True}}]},
    {"all": [{"event_type": "search"}, {"not": {"user_id": "u"}}], "any": [{"properties.size": 9}, {"properties.colour": "red"}]},
    {"event_type": {"in": ["search", "click"]}, "all": [{"event_type": {"in": ["click", "purchase"]}}]},
]  # fmt: skip


def read(document: Document) -> Event:
    """The event as the engine sees it."""
    found = read_event(orjson.dumps(document))
    assert isinstance(found, Event)
    return found


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_a_filter_over_events_is_the_filter_over_documents(where: Document) -> None:
    given = Where.model_validate(where)
    compiled = given.compiled()
    found = [compiled.holds(read(document)) for document in EVENTS]
    documents = [
        {**one, "anonymous_id": str(one["anonymous_id"])} if "anonymous_id" in one else one for one in EVENTS
    ]
    assert found == [over_documents(given, document) for document in documents]
    # What is called by the type alone need not ask for it again.
    for document, holds in zip(EVENTS, found, strict=True):
        event_ = read(document)
        if event_.kind in compiled.kinds:
            assert (compiled.test is None or compiled.test(event_)) == holds


def test_every_filter_lets_something_through_and_holds_something_back() -> None:
    for where in FILTERS:
        held = [Where.model_validate(where).compiled().holds(read(document)) for document in EVENTS]
        assert str(where).endswith(("{'exists': True}}", "{'exists': False}}")) or len(set(held)) == 2, where


def test_the_types_that_reach_a_rule() -> None:
    def kinds(where: Document) -> frozenset[int]:
        return Where.model_validate(where).compiled().kinds

    assert kinds({"event_type": "search"}) == {KIND["search"]}
    assert kinds({"event_type": "custom:a"}) == {CUSTOM}
    assert kinds({"product.price": 5}) == EVERY_KIND
    assert kinds({"all": [{"event_type": "search"}, {"event_type": "click"}]}) == frozenset()


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_the_contract_can_be_read(name: str) -> None:
    block, _, leaf = name.rpartition(".")
    value = 5 if field(name).kind == "number" else "text"
    given = event("v", "click", t(0), **({block: {leaf: value}} if block else {}))
    given |= {} if block or name == "event_type" else {name: value}
    came = read(given)
    if field(name).kind == "number":
        assert field(name).number_reader()(came) == 5.0
    else:
        assert field(name).text_reader()(came) == ("click" if name == "event_type" else "text")
    empty = read(event("v", "click", t(0)))
    if name != "event_type":
        assert field(name).text_reader()(empty) is None


# ---------------------------------------------------------------------------------------------- currencies


def order(at_ms: int, revenue: Any, currency: str | None = None, order_id: str | None = None) -> Document:
    given = {"revenue": revenue, "currency": currency, "order_id": order_id}
    return purchase(at_ms, order={name: value for name, value in given.items() if value is not None})


SUM = "{kind: count, where: {event_type: purchase}, within: session, sum: revenue, at_least: 200, at: session_end}"
EURO, EITHER = {"currency": "EUR"}, {"currency": ["EUR", "USD"]}
SUMS: list[tuple[str, dict[str, Any], list[Document], float | None]] = [
    ("exactly enough", {}, [order(t(0), 200)], 200.0),
    ("a cent too little", {}, [order(t(0), 199.99)], None),
    ("two orders", {}, [order(t(0), 150), order(t(1), 50)], 200.0),
    ("one order told twice", {}, [order(t(0), 150, "EUR", "o"), order(t(3), 150, "EUR", "o")], None),
    ("two orders of one amount", {}, [order(t(0), 150, "EUR", "o"), order(t(3), 150, "EUR", "p")], 300.0),
    ("without an id each is one", {}, [order(t(0), 150), order(t(3), 150)], 300.0),
    ("told without an amount first", {}, [purchase(t(0), order={"order_id": "o"}), order(t(1), 250, None, "o")], 250.0),
    ("two currencies are not added up", {}, [order(t(0), 150, "EUR"), order(t(1), 60, "USD")], None),
    ("the larger one counts", {}, [order(t(0), 150, "EUR"), order(t(1), 260, "USD")], 260.0),
    ("what names none counts with any", {}, [order(t(0), 150, "EUR"), order(t(1), 60)], 210.0),
    ("a currency however it is written", {}, [order(t(0), 150, "eur"), order(t(1), 60, "EUR")], 210.0),
    ("another currency than the rule's", EURO, [order(t(0), 3_000, "JPY")], None),
    ("the rule's currency", EURO, [order(t(0), 150, "EUR"), order(t(1), 60, "eur"), order(t(2), 90, "USD")], 210.0),
    ("none is the rule's", EURO, [order(t(0), 150, "EUR"), order(t(1), 60)], 210.0),
    ("either is not both", EITHER, [order(t(0), 150, "EUR"), order(t(1), 60, "USD")], None),
    ("either of them", EITHER, [order(t(0), 3_000, "JPY"), order(t(1), 250, "USD")], 250.0),
    ("no number", {}, [order(t(0), "much"), order(t(1), None)], None),
    ("a number as text", {}, [order(t(0), "250")], 250.0),
    ("too large to be added up", {}, [order(t(0), 2e12), order(t(1), 250)], 250.0),
    ("a refund among them", {}, [order(t(0), 250), order(t(1), -100)], None),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("story", SUMS, ids=lambda story: story[0])
def test_a_sum_of_money(way: Way, story: tuple[str, dict[str, Any], list[Document], float | None]) -> None:
    _, more, events, expected = story
    found = signals([rule(SUM, **more)], events, way)
    assert [one["evidence"]["revenue"] for one in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_value_of_carts_of_a_session(way: Way) -> None:
    text = SUM.replace("purchase", "add_to_cart").replace("revenue", "cart_value")
    given = [cart(t(0), product={"price": 60, "quantity": 2}), cart(t(1), product={"price": 80.5})]
    (found,) = signals([rule(text)], given, way)
    assert found["evidence"] == {"cart_value": 200.5, "started_at_ms": t(0), "ended_at_ms": t(1)}
    assert (
        signals(
            [rule(text, currency="EUR")],
            [{**one, "product": {**one["product"], "currency": "USD"}} for one in given],
            way,
        )
        == []
    )


@pytest.mark.parametrize(
    ("currency", "price", "given", "fires"),
    [
        ("EUR", 60, "EUR", True), ("EUR", 60, None, True), ("EUR", 60, "usd", False), (None, 60, "JPY", True),
        ("EUR", 40, "EUR", False), (["EUR", "USD"], 60, "usd", True), (["EUR", "USD"], 60, "JPY", False),
    ],
)  # fmt: skip
def test_a_threshold_in_a_filter_is_one_of_the_rules_currency(
    currency: Any, price: int, given: str | None, fires: bool
) -> None:
    text = "{kind: count, where: {event_type: product_view, product.price: {gte: 50}}, within: session, at_least: 1}"
    product = {"price": price, **({"currency": given} if given else {})}
    views = [event("v", "product_view", t(0), product=product)]
    assert len(signals([rule(text, **({"currency": currency} if currency else {}))], views)) == fires


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_orders_in_several_currencies(way: Way) -> None:
    """Yen are none of the shop's currencies; euros and dollars are not added up."""
    yen = [order(t(0), 3_000, "JPY", "o1")]
    mixed = [order(t(0), 150, "EUR", "o2"), order(t(1), 60, "USD", "o3")]
    assert signals([shipped("high_value_session")], yen, way) == []
    assert signals([shipped("high_value_session")], mixed, way) == []
    assert len(signals([shipped("high_value_session")], [*mixed, order(t(2), 50, "EUR", "o4")], way)) == 1
