"""What goes with what: equal to the naive answer on real streams, however they are cut, mixed and restored."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.events import Event, read_event
from state.items import logic
from state.items.decay import Decay
from state.items.item import CODEC as ITEM_CODEC
from state.items.item import Item, Pair
from state.items.options import ItemOptions
from state.items.similarity import cosine, log_likelihood_ratio
from state.items.table import ItemTable
from state.items.visit import CODEC as VISIT_CODEC
from state.items.visit import Visit
from tests import datasets, item_oracle
from tests.engine_runs import DAY, HOUR, MINUTE, T0, Document, event, lines, mixed
from tests.item_host import ItemHost, newest

OPTIONS = ItemOptions(bounded=True, slice_ms=MINUTE)
DECAY = Decay(OPTIONS.items_decay_ms)
SMALL = [name for name in datasets.STREAMS if not name.startswith("ga360")]


def view(visitor: str, at: int, product: str, kind: str = "product_view", **more: Any) -> Document:
    block = {"product_id": product, **more.pop("block", {})}
    return event(visitor, kind, at, product=block, **more)


def last_of(events: list[Document]) -> int:
    return max(one["event_time_ms"] for one in events)


def table_of(events: list[Document], **changes: Any) -> ItemTable:
    table = ItemTable(OPTIONS.replace(**changes))
    for one in sorted(events, key=lambda one: (one["event_time_ms"], one["sequence"], one["event_id"])):
        read = read_event(lines([one])[0])
        assert isinstance(read, Event)
        table.add(read)
    return table


def same(found: list[dict[str, Any]], wanted: dict[str, item_oracle.Told]) -> None:
    """The list has the best of what is wanted, with these scores; ties by id."""
    assert len(found) == min(len(wanted), logic.MOST_RELATED)
    for one in found:
        assert one["cosine"] == pytest.approx(wanted[one["item_id"]][0], rel=1e-9, abs=1e-9)
        assert one["llr"] == pytest.approx(wanted[one["item_id"]][1], rel=1e-6, abs=1e-6)
    ranked = sorted(wanted, key=lambda name: (-round(wanted[name][0], 9), name))
    assert [one["item_id"] for one in found] == ranked[: logic.MOST_RELATED]


def equal_to_naive(events: list[Document], documents: list[Any], memory_ms: int, most_steps: int = 4) -> int:
    """Compares the documents of some steps with the naive answer as of their end; how many lists there were."""
    made = [orjson.loads(one.body) for one in documents if one.kind == "item"]
    answers, compared = item_oracle.Answers(events, memory_ms=memory_ms), 0
    steps = sorted({one["computed_at_ms"] for one in made})
    for now in random.Random(1).sample(steps, min(most_steps, len(steps))):
        wanted = answers.related(now)
        for one in made:
            if one["computed_at_ms"] == now:
                same(one["related"], wanted.get(one["item_id"], {}))
                compared += bool(one["related"])
    return compared


@pytest.mark.parametrize("stream", SMALL)
def test_a_real_stream_leads_to_the_lists_of_the_naive_answer(stream: str) -> None:
    events = list(datasets.canonical_events(stream))
    documents = ItemHost(OPTIONS, live=50).run(mixed(lines(events), seed=5), restore_every=300)
    assert equal_to_naive(events, documents, OPTIONS.items_memory_ms) > 20


def test_baskets_of_a_real_shop_are_paired() -> None:
    events = [one for one in ga360_with_baskets() if zlib.crc32(one["visitor_id"].encode()) % 16 == 0]
    documents = ItemHost(OPTIONS.replace(slice_ms=HOUR), live=50).run(
        mixed(lines(events), seed=5), restore_every=100
    )
    assert any("|" in one["properties"].get("product_skus", "") for one in events)
    assert equal_to_naive(events, documents, OPTIONS.items_memory_ms) > 50


def ga360_with_baskets() -> Iterator[Document]:
    """The stream with all products of an order where the adapter leaves them."""
    rows = datasets.frame("ga360_20160801_20160814")
    skus = rows["product_skus"].to_list()
    for one, names in zip(datasets.canonical_events("ga360_20160801_20160814"), skus, strict=True):
        if names:
            one["properties"]["product_skus"] = names
        yield one


@pytest.mark.parametrize("slice_ms", [200, 1_000, HOUR])
def test_neither_slices_nor_order_nor_memory_change_anything(slice_ms: int) -> None:
    events = list(datasets.canonical_events("retailrocket_sample"))[:1_500]
    options = OPTIONS.replace(items_memory_ms=3 * DAY)
    whole = ItemHost(options).run(lines(events))
    other = ItemHost(options.replace(slice_ms=slice_ms), live=0).run(
        mixed(lines(events), seed=slice_ms), restore_every=97
    )
    assert told(other) == told(whole)


def told(documents: list[Any]) -> dict[tuple[str, str, int], Any]:
    """All documents with scores as near as sums of another order are."""
    found = {}
    for one in documents:
        body = orjson.loads(one.body)
        for row in body.get("related", ()):
            row["cosine"], row["llr"] = round(row["cosine"], 9), round(row["llr"], 6)
        body["popularity"] = round(body.get("popularity", 0.0), 9)
        found[one.kind, one.id, body.get("computed_at_ms", body["version"])] = body
    return found


def test_a_late_event_is_taken_in_its_place_and_a_copy_never() -> None:
    a, b, c = view("v", 0, "a"), view("v", 150, "b"), view("v", 170, "c")
    host = ItemHost(ItemOptions(slice_ms=200))
    host.take(lines([b]), 0, late=True)  # overtakes what is in the window still
    host.take(lines([a, c, a]), 200)
    host.take(lines([a, b, c]), 0, late=True)
    assert host.pairs_logic.copies == 4
    total = item_of(host, "c").total
    found = newest(host.finish(), "item")
    assert {one["item_id"] for one in found["b"]["related"]} == {"a", "c"}
    assert total == pytest.approx(2 * DECAY.gain(T0 + 170, DECAY.era(T0)))


def item_of(host: ItemHost, name: str) -> Any:
    return ITEM_CODEC.decode(host.item_store.rows[name][8:])


def test_a_session_ends_after_its_gap_and_only_the_last_five_count() -> None:
    gap = OPTIONS.session_gap_ms
    one = [view("v", number, f"p{number}") for number in range(7)]
    table = table_of(
        [*one, event("v", "page_view", 6 + gap), view("v", 6 + 2 * gap, "far"), view("v", 7 + 3 * gap, "x")]
    )
    assert {found.item_id for found in table.related("p6", T0 + 8 + 3 * gap)} == {
        f"p{n}" for n in range(1, 6)
    } | {"far"}
    assert table.related("x", T0 + 8 + 3 * gap) == []
    assert table.recent("v") == ["x", "far", "p6", "p5", "p4"]


def test_a_pair_is_idle_after_its_memory_and_begins_anew() -> None:
    memory = OPTIONS.items_memory_ms
    table = table_of(
        [view("v", 0, "a"), view("v", 1, "b"), view("w", memory, "a"), view("w", memory + 1, "c")]
    )
    assert {one.item_id for one in table.related("a", T0 + memory)} == {"b", "c"}
    assert {one.item_id for one in table.related("a", T0 + memory + 1)} == {"c"}
    with_both = [view("u", memory + 2, "a"), view("u", memory + 3, "b")]
    table = table_of(
        [view("v", 0, "a"), view("v", 1, "b"), view("w", 9, "a"), view("w", 10, "c"), *with_both]
    )
    assert dict((one.item_id, one.cosine) for one in table.related("a", T0 + memory + 3))["b"] < 0.999


def test_refunds_lists_and_removals_are_no_pairs() -> None:
    events = [
        view("v", 0, "a"),
        *(
            view("v", 1 + n, "b", kind)
            for n, kind in enumerate(("refund", "product_list_view", "remove_from_cart"))
        ),
    ]
    assert table_of(events).related("a", T0 + 9) == []


def test_the_products_of_an_order_are_paired_with_each_other() -> None:
    order = view(
        "v", 0, "a", "purchase", properties={"items": [{"item_id": "a"}, {"item_id": "b"}, {"item_id": "c"}]}
    )
    table = table_of([order])
    assert {one.item_id for one in table.related("b", T0)} == {"a", "c"}


def test_withdrawn_consent_leaves_nothing_to_show() -> None:
    said = event("v", "consent", 5, properties={"status": "denied"})
    host = ItemHost(ItemOptions())
    documents = host.take(lines([view("v", 0, "a", "purchase")]), 200) + host.finish()
    assert newest(documents, "visitor_items")["v"]["bought"] == ["a"]
    documents = ItemHost(ItemOptions()).run(lines([view("v", 0, "a"), said]))
    assert newest(documents, "visitor_items")["v"] | {"version": 0, "session_ends_ms": 0} == {
        "visitor_id": "v", "items": [], "seen": [], "bought": [], "session_ends_ms": 0, "version": 0,
    }  # fmt: skip


def test_what_is_bought_after_very_many_events_is_known() -> None:
    views = [view("v", n, f"p{n}") for n in range(250)]
    documents = ItemHost(ItemOptions()).run(lines([*views, view("v", 250, "p7", "purchase")]))
    assert newest(documents, "visitor_items")["v"]["bought"] == ["p7"]


def test_the_document_does_not_take_a_session_for_over_that_goes_on() -> None:
    gap = OPTIONS.session_gap_ms
    pages = [event("v", "page_view", n * gap // 3) for n in range(1, 10)]
    documents = ItemHost(ItemOptions()).run(lines([view("v", 0, "a"), *pages]))
    written = [orjson.loads(one.body) for one in documents if one.kind == "visitor_items"]
    assert 2 < len(written) < 8 and written[-1]["session_ends_ms"] >= T0 + 3 * gap + gap // 2
    assert {tuple(one["seen"]) for one in written} == {("a",)}


def test_an_erased_visitor_leaves_nothing() -> None:
    order = {"visitor_id": "v", "erased_at_ms": T0 + 300, "quiet_until_ms": T0 + 900, "version": T0 + 300}
    host = ItemHost(ItemOptions())
    host.take(lines([view("v", 0, "a", "purchase")]), T0 + 200)
    host.take([orjson.dumps(order)], 0, late=True)
    host.take(lines([view("v", 250, "b"), view("v", 310, "c")]), T0 + 400)
    found = newest(host.finish(), "visitor_items")["v"]
    assert (found["items"], found["seen"], found["bought"]) == (["c"], ["c"], [])


def test_what_events_say_of_an_item_is_in_its_document() -> None:
    block = {
        "category": "shoes",
        "price": "59.90",
        "currency": "EUR",
        "availability": "schema:/OutOfStock",
    }
    documents = ItemHost(ItemOptions()).run(lines([view("v", 0, "a", block=block)]))
    found = newest(documents, "item")["a"]
    assert (found["category"], found["price"], found["currency"], found["available"]) == (
        "shoes",
        59.9,
        "EUR",
        False,
    )
    said = view("shop", 1, "a", "custom:stock", block={"availability": "in stock"})
    documents = ItemHost(ItemOptions()).run(lines([view("v", 0, "a", block=block), said]))
    assert newest(documents, "item")["a"] == found | {"available": True, "version": T0 + 1}


def test_an_item_is_written_once_a_step_and_versions_only_grow() -> None:
    host = ItemHost(ItemOptions())
    events = [view(f"v{n % 3}", n * 7_000, f"p{n % 2}") for n in range(40)]
    documents = [one for one in host.run(lines(events)) if one.kind == "item" and one.id == "p0"]
    versions = [one.version for one in documents]
    assert (
        versions == sorted(set(versions)) and len(versions) == 1 + (38 * 7_000 + T0) // MINUTE - T0 // MINUTE
    )
    assert {orjson.loads(one.body)["computed_at_ms"] % MINUTE for one in documents} == {MINUTE - 1}


def test_state_is_bounded() -> None:
    table = ItemHost(ItemOptions(slice_ms=HOUR))
    hub = [
        one for n in range(3_000) for one in (view(f"v{n}", n, "hub"), view(f"v{n}", n, f"p{n}", sequence=1))
    ]
    bot = [view("bot", 5_000 + n, f"q{n}") for n in range(3_000)]
    for ends_at in range(1, 3):
        table.take(lines(hub + bot), ends_at * HOUR + T0)
    assert len(item_of(table, "hub").pairs) <= logic.MOST_PAIRS
    assert sum(name.startswith("q") for name in table.item_store.rows) == 3_000  # known, but
    assert "q300" in table.item_store.rows and not item_of(table, "q300").pairs
    assert max(len(row) for store in table.pair_stores for row in store.rows.values()) < 2_000


def test_a_pair_takes_less_than_200_bytes() -> None:
    host = ItemHost(OPTIONS, live=0)
    host.run(lines(datasets.canonical_events("taobao_114users")), to_the_end=False)
    items = [ITEM_CODEC.decode(row[8:]) for row in host.item_store.rows.values()]
    pairs, size = sum(len(one.pairs) for one in items), sum(map(len, host.item_store.rows.values()))
    assert pairs > 10_000 and size / pairs < 200


def test_everything_is_forgotten_at_last() -> None:
    host = ItemHost(ItemOptions(slice_ms=HOUR))
    host.take(lines([view("v", 0, "a"), view("v", 1, "b", "purchase"), view("w", 1, "c")]), T0 + HOUR)
    host.take(lines([event("x", "page_view", 15 * DAY)]), T0 + 15 * DAY + HOUR)
    assert not host.item_store.rows and not host.items_logic._heads
    assert {name for store in host.pair_stores for name in store.rows} == {
        "v",
        "x",
    }  # what was bought is known longer
    host.take(lines([event("x", "page_view", 91 * DAY)]), T0 + 91 * DAY + HOUR)
    assert {name for store in host.pair_stores for name in store.rows} == {"x"}


def test_a_short_decay_does_not_overflow() -> None:
    events = [view(f"v{n // 2}", n * 10 * MINUTE, f"p{n % 2}") for n in range(1_000)]
    table = table_of(events, items_decay_ms=1_000, items_popularity_ms=1_000, items_memory_ms=400 * DAY)
    (found,) = table.related("p0", last_of(events))
    assert 0 < found.cosine <= 1 and math.isfinite(found.llr)
    assert table.popular(last_of(events)) == ["p1", "p0"]


@given(
    st.lists(st.tuples(st.sampled_from("uvw"), st.integers(0, 4), st.sampled_from("abcdefgh")), max_size=40)
)
@settings(max_examples=60, deadline=None)
def test_scores_have_their_bounds(rows: list[tuple[str, int, str]]) -> None:
    events = [
        view(visitor, n * 600_000 * gap, product, sequence=n)
        for n, (visitor, gap, product) in enumerate(rows)
    ]
    table = table_of(events)
    for name in "abcdefgh":
        for one in table.related(name, T0 + DAY):
            assert 0 < one.cosine <= 1 + 1e-9 and one.item_id != name and math.isfinite(one.llr)


def test_scores_by_hand() -> None:
    assert cosine(3.0, 9.0, 4.0) == 0.5
    assert log_likelihood_ratio(10, 20, 20, 40) == 0
    assert log_likelihood_ratio(15, 20, 20, 40) == pytest.approx(10.4650, abs=1e-3)
    assert log_likelihood_ratio(15, 20, 20, 40) == pytest.approx(item_oracle.ratio(15, 20, 20, 40, 1.0))
    assert log_likelihood_ratio(5, 20, 20, 40) == pytest.approx(-10.4650, abs=1e-3)


def test_planted_affinities_are_found() -> None:
    """Forty groups of four products; a session is of one group, and one view in five is of anything."""
    chance, events = random.Random(7), []
    for n in range(4_000):
        group, at = chance.randrange(40), n * MINUTE
        for step in range(5):
            product = chance.randrange(160) if chance.random() < 0.2 else group * 4 + chance.randrange(4)
            events.append(view(f"v{n}", at + step * 1_000, f"p{product}"))
    table = table_of(events)
    hits = sum(
        {one.item_id for one in table.related(f"p{n}", last_of(events), 3)}
        == {f"p{m}" for m in range(n // 4 * 4, n // 4 * 4 + 4)} - {f"p{n}"}
        for n in range(160)
    )
    assert hits / 160 >= 0.9


ITEM_V1 = "019ea16103cb3ff80000000000000781a16292cb3fe00000000000000614cb4004000000000000a573686f6573cb4023cccccccccccda3455552c207cdea5fff"
VISIT_V1 = "0199a176930700a16591a1610191a16191a16191a16190cd270f"


def test_the_bytes_of_each_release_are_read() -> None:
    item = Item("a", 3, 1.5, 7, {"b": Pair(0.5, 6)}, 20, 2.5, "shoes", 9.9, "EUR", False, 7, 59_999, -1)
    visit = Visit("v", (7, 0, "e"), ["a"], 1, ["a"], ["a"], ["a"], [], 9_999)
    assert ITEM_CODEC.decode(bytes.fromhex(ITEM_V1)) == item
    assert VISIT_CODEC.decode(bytes.fromhex(VISIT_V1)) == visit
