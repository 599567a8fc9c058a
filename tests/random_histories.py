"""Random histories of one visitor for rules: mostly quick steps, some exactly at the limits. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.words import DAY, MINUTE, Document, event, t

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
TYPES = (
    "product_view", "product_view", "product_view", "page_view", "product_list_view", "add_to_cart", "add_to_cart",
    "remove_from_cart", "checkout_start", "checkout_step", "purchase", "search", "click", "click", "click",
    "form_start", "form_submit", "video_start", "video_progress", "product_click",
)  # fmt: skip
STEPS = (1, 200, 600, 2_000, 14_999, 15_000, MINUTE, 10 * MINUTE - 1, 10 * MINUTE, 10 * MINUTE + 1, 30 * MINUTE - 1,
         30 * MINUTE, 30 * MINUTE + 1, DAY, 7 * DAY)  # fmt: skip


def history(seed: int) -> Iterator[Document]:
    """One visitor: mostly quick steps, some exactly at the limits; never two events in one millisecond."""
    chance = random.Random(seed)
    at_ms, likely = t(chance.randint(0, 60)), chance.choice([0.5, 0.8, 0.95])
    kinds = ["click"] if seed % 10 == 0 else chance.sample(TYPES, chance.randint(2, 8))
    for number in range(chance.randint(1, 40)):
        product = {"product_id": chance.choice("pqr"), "category": chance.choice(["a", "b", "c", "it's"])}
        blocks: dict[str, Any] = {"product": product} if chance.random() < 0.8 else {}
        blocks |= {"context": {"path": chance.choice(["/x", "/y"])}} if chance.random() < 0.8 else {}
        kind = chance.choice(kinds)
        if kind == "purchase":
            blocks["order"] = {
                "order_id": f"o{chance.randint(0, 3)}",
                "revenue": chance.choice([50, 150, 199.5]),
            }
        yield event(f"v{seed}", kind, at_ms, sequence=number, **blocks)
        at_ms += chance.choice(STEPS[:7] if chance.random() < likely else STEPS)


def priced_history(seed: int) -> Iterator[Document]:
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
