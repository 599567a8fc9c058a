"""Items in slots: never what was bought, seen or is not to be had, never too many of a category; and why each is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services import schemas
from services.content.deciding import Snapshot, decide
from services.content.items import Candidate, Shelf, blended, chosen, shelf_of
from services.content.loading import load
from services.content.model import ItemRow
from services.decisions import again
from services.view import Fact
from tests.services.conftest import NOW_MS, Running, running, wait_until
from tests.services.played import Document, Played, bearer, decoded, signal

NAMES = st.sampled_from("abcdefghijkl")
HEADS = st.fixed_dictionaries(
    {"category": st.sampled_from(["shoes", "bags", None]), "available": st.booleans(), "price": st.just(9.5)}
)
ROWS = st.builds(ItemRow, most=st.integers(1, 8), per_category=st.integers(1, 4))
FACTS = st.lists(st.sampled_from(["category_interest", "suggestions_paused"]), max_size=2)


def fact(kind: str) -> Fact:
    return Fact("0" * 32, kind, "active", 1, NOW_MS - 1, NOW_MS + 1_000)


@st.composite
def shelves(draw: Any) -> Shelf:
    heads = {name: {"item_id": name, **draw(HEADS)} for name in "abcdefghijkl"}
    related = [(name, 0.5, "a") for name in draw(st.lists(NAMES, max_size=8))]
    popular = [heads[name] for name in draw(st.lists(NAMES, max_size=8))]
    categories = {"shoes": [heads[name] for name in draw(st.lists(NAMES, max_size=4))]}
    visitor = {name: draw(st.lists(NAMES, max_size=4)) for name in ("items", "seen", "bought")}
    visitor["session_ends_ms"] = draw(st.sampled_from([NOW_MS - 1, NOW_MS, NOW_MS + 1]))
    return shelf_of(visitor, related, heads, categories, popular)


@given(shelves(), ROWS, FACTS)
@settings(max_examples=400, deadline=None)
def test_nothing_bought_seen_or_gone_and_no_more_than_the_cap_is_shown(
    shelf: Shelf, row: ItemRow, kinds: list[str]
) -> None:
    content = load()
    content = type(content)(
        "1", {"product_row": content.slots["product_row"].model_copy(update={"items": row})}, content.pieces
    )
    snapshot = Snapshot("v", tuple(map(fact, kinds)), shelf=shelf)
    (answer,) = decide(snapshot, content, {}, NOW_MS, ["product_row"], "en")
    shown = [one.item_id for one in answer.items]
    assert len(shown) == len(set(shown)) <= row.most
    assert not set(shown) & shelf.hidden
    assert shelf.session_ends_ms < NOW_MS or not set(shown) & shelf.seen
    assert all(one.available and one.reason in ("related", "category", "popular") for one in answer.items)
    counts = Counter(one.category for one in answer.items if one.category)
    assert all(count <= row.per_category for count in counts.values())
    assert "suggestions_paused" not in kinds or not shown
    assert answer.content is None or shown


@given(shelves(), ROWS)
@settings(max_examples=100, deadline=None)
def test_as_much_is_shown_as_may_be(shelf: Shelf, row: ItemRow) -> None:
    shown = chosen(shelf, row, NOW_MS)
    if len(shown) < row.most:
        counts = Counter(one.category for one in shown if one.category)
        hidden = shelf.hidden | (shelf.seen if shelf.session_ends_ms >= NOW_MS else frozenset())
        for one in shelf.candidates:
            full = one.category is not None and counts[one.category] >= row.per_category
            assert one.item_id in hidden | {each.item_id for each in shown} or not one.available or full


def test_the_newest_item_counts_most_and_ties_go_by_id() -> None:
    documents: dict[str, Document] = {
        "new": {"related": [{"item_id": "x", "cosine": 0.4}, {"item_id": "b", "cosine": 0.4}]},
        "old": {"related": [{"item_id": "y", "cosine": 0.7}, {"item_id": "x", "cosine": 0.1}]},
    }
    assert blended(["new", "old"], documents) == [("x", 0.45, "new"), ("b", 0.4, "new"), ("y", 0.35, "old")]
    assert Candidate("x", "popular").available


@pytest.fixture
def played() -> Played:
    found = Played(item_cache_ms=0)
    related = [{"item_id": name, "cosine": 0.5, "llr": 3.0} for name in ("b", "c", "d", "gone")]
    found.index.items_ |= {
        "a": {"category": "shoes", "related": related, "popularity": 9.0},
        "b": {"category": "shoes", "popularity": 5.0, "price": 59.9, "currency": "EUR"},
        "c": {"category": "shoes", "popularity": 1.0},
        "d": {"category": "shoes", "popularity": 0.0},
        "gone": {"category": "bags", "available": False, "popularity": 99.0},
        "e": {"category": "bags", "popularity": 2.0},
        "f": {"category": "hats", "popularity": 7.0},
    }
    found.index.shelves["v-1"] = {
        "items": ["a"],
        "seen": ["a"],
        "bought": ["f"],
        "session_ends_ms": NOW_MS,
        "version": 1,
    }
    return found


@pytest.fixture
def served(played: Played) -> Iterator[Running]:
    with running(played.api.app(), played.api.end) as one:
        wait_until(lambda: played.index.searched, "popular items are known")
        yield one


def row(served: Running, http: httpx.Client) -> Document:
    asked = {"slots": ["product_row"], "explain": True}
    answer = http.post(f"{served.url}/v1/decide", json=asked, headers=bearer())
    found: Document = decoded(answer, schemas.DecideResponse)["slots"][0]
    return found


def test_a_visitor_is_shown_what_goes_with_the_last_items(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(kind="category_interest"))
    found = row(served, http)
    assert (found["reason"], found["content"]) == ("signal", "related_items")
    assert [(one["item_id"], one["reason"]) for one in found["items"]] == [
        ("b", "related"), ("c", "related"), ("e", "popular"),
    ]  # fmt: skip
    assert found["items"][0] == {
        "item_id": "b", "reason": "related", "because": "a", "score": 0.5, "category": "shoes", "price": 59.9, "currency": "EUR",
    }  # fmt: skip


def test_a_purchase_takes_an_item_away(served: Running, played: Played, http: httpx.Client) -> None:
    played.feed.send(signal(kind="category_interest"))
    played.index.shelves["v-1"]["bought"].append("b")
    assert [one["item_id"] for one in row(served, http)["items"]] == ["c", "d", "e"]


def test_paused_suggestions_leave_the_default_without_items(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(kind="category_interest"), signal(2, kind="suggestions_paused"))
    found = row(served, http)
    assert (found["reason"], found["fields"], found.get("items", [])) == (
        "default",
        {"headline": "Popular now"},
        [],
    )


def test_without_what_is_known_of_the_visitor_the_popular_ones_are_shown(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.index.shelves.clear()
    found = row(served, http)
    assert found["reason"] == "unknown_visitor"
    assert [(one["item_id"], one["reason"]) for one in found["items"]] == [
        ("a", "popular"),
        ("f", "popular"),
        ("b", "popular"),
        ("e", "popular"),
    ]


def test_an_index_that_is_away_leaves_what_was_popular_and_then_the_default(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(kind="category_interest"))
    played.index.away = True
    assert [one["reason"] for one in row(served, http)["items"]] == ["popular"] * 4
    played.api.shelves._clock = lambda: 1e9  # long after
    found = row(served, http)
    assert (found["reason"], found.get("items", []), found["passed_over"]["related_items"]) == (
        "default",
        [],
        "no_items",
    )


def test_a_category_is_searched_for_beside_the_request(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.index.items_["a"]["related"] = []
    row(served, http)
    wait_until(lambda: "shoes" in played.api.shelves._popular, "the category is known")
    assert [(one["item_id"], one["reason"]) for one in row(served, http)["items"]][:2] == [
        ("b", "category"),
        ("c", "category"),
    ]


def test_a_decision_about_items_is_decided_again_from_the_log(
    served: Running, played: Played, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    played.feed.send(signal(kind="category_interest"))
    with caplog.at_level("INFO", "footfall.decisions"):
        found = row(served, http)
    (answer,) = again(caplog.messages[-1].encode(), played.api.content.content)
    assert [one.item_id for one in answer.items] == [one["item_id"] for one in found["items"]]


def test_a_slow_index_leaves_the_default_by_the_deadline(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(kind="category_interest"))
    played.index.slow_s = 5.0
    asked = {"slots": ["product_row"]}
    answer = http.post(f"{served.url}/v1/decide", json=asked, headers=bearer())
    found = decoded(answer, schemas.DecideResponse)
    assert found["degraded"] == ["index"] and found["slots"][0]["fields"]
    assert {one["reason"] for one in found["slots"][0]["items"]} == {"popular"}
