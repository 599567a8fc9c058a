"""The naive answer for carts with content: what is abandoned, when, and what is then still in it.

Batch Python over canonical events, one visitor after the other, written for reading and sharing no code with the
engine. Events may come in any order and twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
TIMEOUT_MS, RECOVERY_MS = 30 * 60_000, 24 * 3_600_000
TYPES = ("add_to_cart", "remove_from_cart", "purchase")


@dataclass(frozen=True)
class Abandonment:
    """A cart with something in it, half an hour after the last thing was put in."""

    visitor_id: str
    last_cart_ms: int
    fires_at_ms: int
    last_cart_event_id: str
    cart_events: int
    value: float | None
    recovered_at_ms: int | None


def abandonments(
    events: Iterable[Event], timeout_ms: int = TIMEOUT_MS, recovery_ms: int = RECOVERY_MS
) -> list[Abandonment]:
    """Every abandonment, in order of visitor and time; as if time had ended."""
    by_visitor: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in events:
        if event["event_type"] in TYPES:
            by_visitor[event["visitor_id"]].setdefault(event["event_id"], event)
    found = []
    for visitor, moves in by_visitor.items():
        found += _of_visitor(visitor, sorted(moves.values(), key=_order), timeout_ms, recovery_ms)
    return found


def _order(event: Event) -> tuple[int, int, bool, str]:
    # With equal sort keys a purchase is behind everything else: what is put in there was bought.
    is_purchase = event["event_type"] == "purchase"
    return event["event_time_ms"], event.get("sequence", 0), is_purchase, event["event_id"]


def _of_visitor(visitor: str, moves: list[Event], timeout_ms: int, recovery_ms: int) -> Iterator[Abandonment]:
    for number, event in enumerate(moves):
        if event["event_type"] != "add_to_cart":
            continue
        fires_at = event["event_time_ms"] + timeout_ms
        until = number + 1
        while until < len(moves) and moves[until]["event_time_ms"] <= fires_at:
            until += 1
        behind = moves[number + 1 : until]
        if any(one["event_type"] != "remove_from_cart" for one in behind):
            continue  # put in again, or bought
        if any(not _content(moves[: number + 1 + taken]) for taken in range(len(behind) + 1)):
            continue  # it was empty in between
        later = [one["event_time_ms"] for one in moves[until:] if one["event_type"] == "purchase"]
        yield Abandonment(
            visitor,
            event["event_time_ms"],
            fires_at,
            event["event_id"],
            _put_in_since(moves[: number + 1], timeout_ms),
            _value(_content(moves[:until])),
            later[0] if later and later[0] <= fires_at + recovery_ms else None,
        )


def _product(event: Event) -> str:
    product = event.get("product") or {}
    return str(product.get("product_id", ""))


def _content(moves: list[Event]) -> dict[str, list[tuple[float, float | None]]]:
    """By product what was put in, each time (how many, price); what was taken out is off the last ones."""
    cart: dict[str, list[tuple[float, float | None]]] = {}
    for event in moves:
        name, product = _product(event), event.get("product") or {}
        if event["event_type"] == "purchase":
            cart = {}
        elif event["event_type"] == "add_to_cart":
            cart.setdefault(name, []).append((product.get("quantity") or 1, product.get("price")))
        elif name in cart:
            _take_out(cart, name, product.get("quantity"))
    return cart


def _take_out(cart: dict[str, list[tuple[float, float | None]]], name: str, quantity: float | None) -> None:
    there = sum(count for count, _ in cart[name])
    left = there - (quantity or there)
    if left <= 0:
        del cart[name]
    else:
        cart[name] = [(left, _price(name, cart[name]))]


def _price(name: str, lines: list[tuple[float, float | None]]) -> float | None:
    """The last price of a product; of what has no name the mean price of a piece."""
    if name:
        return next((price for _, price in reversed(lines) if price is not None), None)
    first = next((number for number, (_, price) in enumerate(lines) if price is not None), None)
    if first is None:
        return None
    mean, had = 0.0, 0.0
    for number, (count, price) in enumerate(lines):
        if number == first:
            mean = price or 0.0
        elif number > first and price is not None:
            mean = (mean * had + price * count) / (had + count)
        had += count
    return mean


def _value(cart: dict[str, list[tuple[float, float | None]]]) -> float | None:
    amounts = [
        price * sum(count for count, _ in lines)
        for name, lines in cart.items()
        if (price := _price(name, lines)) is not None
    ]
    return round(sum(amounts), 2) if amounts else None


def _put_in_since(moves: list[Event], timeout_ms: int) -> int:
    """How many add_to_cart belong to the wait that the last event is of."""
    count, before = 1, moves[-1]
    for number in range(len(moves) - 2, -1, -1):
        event = moves[number]
        if event["event_type"] == "purchase" or not _content(moves[: number + 1]):
            break
        if event["event_type"] == "add_to_cart":
            if before["event_time_ms"] - event["event_time_ms"] > timeout_ms:
                break
            count, before = count + 1, event
    return count
