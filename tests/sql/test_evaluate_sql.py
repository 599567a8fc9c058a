"""What `scripts/why` evaluates in Python equals the compiled SQL to the last word of evidence, for every kind of rule."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.signals import signal_id
from state.rules.evaluate import evaluate
from state.rules.histories import History, Spans
from state.rules.pack import SHIPPED, load
from tests.sql.tables import Flink
from tests.sql.test_rules_sql import history, shuffled
from tests.sql.vocabulary import Document, by_arrival, event, placed, t

SEEDS = range(150)
MAX_EVENTS = 12  # so that sessions are cut for their size, too
# What the shipped rules do not use of the language.
RULES = """
kind: count
where: {event_type: product_view, product.price: {gte: 20}, not: {product.category: a}}
within: session
at_least: 2
---
kind: count
where: {any: [{properties.colour: red}, {properties.size: {gt: 3, lte: 9}}], all: [{event_type: {exists: true}}]}
within: 20 min
at_least: 3
key: product.product_id
once: occurrence
---
kind: count
where: {event_type: click, context.path: {exists: false}}
within: 1 h
more_than: 1
---
kind: count
where: {event_type: add_to_cart}
within: session
sum: cart_value
at_least: 100
at: session_end
---
kind: count
where: {event_type: {in: [search, click]}}
within: session
more_than: 2
at: session_end
---
kind: absence
where: {event_type: product_view, product.price: {lt: 60}}
without: {event_type: {in: [add_to_cart, purchase]}}
within: 45 min
since: first
recovered_within: 2 h
start_noun: look
answer_noun: sale
---
kind: absence
where: {event_type: {in: [form_start, click]}}
without: {event_type: {in: [form_submit, click]}}
within: 10 min
value: {price: product.price, bands: [30, 90]}
---
kind: absence
where: {event_type: {exists: true}}
within: 1 d
---
kind: sequence
steps: [{event_type: {in: [search, product_view]}}, {event_type: {in: [product_view, click]}}]
within: 15 s
---
kind: sequence
steps:
  - {event_type: product_view}
  - {event_type: {in: [page_view, search, product_view]}}
  - {event_type: product_view}
  - {event_type: {in: [search, click, page_view]}}
key: product.category
within: 30 d
---
kind: dwell
where: {event_type: {in: [product_view, page_view]}}
key: product.product_id
within: session
at_least: 10 min
---
kind: funnel
steps: [{name: seen, where: {event_type: {in: [page_view, search]}}}, {name: tried, where: {event_type: click}}]
within: session
---
kind: deviation
of: product.category
sessions: 2
distinct: 2
within: 2 d
"""


def told(seed: int) -> Iterator[Document]:
    """A random history with prices and properties."""
    chance = random.Random(seed)
    for one in history(seed):
        if "product" in one:
            one["product"] |= {
                "price": chance.choice([5, 19.99, 20, 59.5, 60]),
                "quantity": chance.choice([1, 2]),
            }
            if chance.random() < 0.2:
                one["product"] |= {"price": "much", "quantity": None}
        properties = {
            "colour": chance.choice(["red", "blue"]),
            "size": chance.choice([3, 4, 9, 9.5, "L", True]),
        }
        yield {**one, "properties": properties}


def late(visitor: str, at_ms: int) -> Document:
    """An answer that comes in when everything is over."""
    return event(visitor, "purchase", at_ms, sequence=999, received_at_ms=t(60 * 24 * 400))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rules and those above, in one folder."""
    folder = tmp_path_factory.mktemp("rules")
    for number, rule in enumerate(RULES.split("---")):
        head = f"name: other_{number}\nversion: {number + 2}\ndescription: Another use of the language.\n"
        (folder / f"other_{number}.yaml").write_text(head + rule)
    for path in SHIPPED.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    return folder


def test_the_evaluation_says_what_the_sql_says(flink: Flink, pack: Path) -> None:
    events = shuffled([one for seed in SEEDS for one in told(seed)], 3)
    carts = [one for one in events if one["event_type"] in ("add_to_cart", "checkout_start", "form_start")]
    afterwards = [late(one["visitor_id"], one["event_time_ms"] + 60_000) for one in carts[::3]]
    rows = flink.run(
        placed(by_arrival([*events, *afterwards])),
        ["signal_documents", "events_late", "events_valid"],
        rules_dir=str(pack),
        session_max_events=MAX_EVENTS,
    )
    ids = {row["event_id"] for row in rows["events_late"]}
    assert ids == {one["event_id"] for one in afterwards}
    theirs = [orjson.loads(row["document"]) for row in rows["signal_documents"]]
    mine = [one for seed in SEEDS for one in evaluated(f"v{seed}", events, afterwards, pack)]
    same(mine, [{name: one.get(name) for name in mine[0]} for one in theirs])
    assert {one["kind"] for one in theirs} == {one.rule.signal_kind for one in load([pack])}
    assert {one["status"] for one in theirs} == {"active", "recovered", "retracted"}


def evaluated(
    visitor: str, events: list[Document], late: list[Document], pack: Path
) -> Iterator[dict[str, Any]]:
    """Every change of every signal of a visitor."""
    mine, answers = ([one for one in side if one["visitor_id"] == visitor] for side in (events, late))
    lived = History(visitor, mine, Spans(max_events=MAX_EVENTS))
    for rule in (one.rule for one in load([pack])):
        for one in evaluate(rule, lived, answers):
            yield {
                "signal_id": signal_id(rule.signal_kind, rule.name, visitor, one.anchor),
                "kind": rule.signal_kind,
                "visitor_id": visitor,
                "occurred_at_ms": one.occurred_at_ms,
                "version": one.version,
                "status": one.status,
                "session_id": one.session_id,
                "evidence": one.evidence,
            }


def same(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    here, there = (
        sorted(orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in side) for side in (mine, theirs)
    )
    if here != there:
        only = [one for one in here if one not in set(there)], [one for one in there if one not in set(here)]
        pytest.fail(f"evaluated {len(only[0])} {only[0][:3]}; SQL {len(only[1])} {only[1][:3]}")
