"""The words that stories are told in: minutes since the beginning, events."""

from __future__ import annotations

from typing import Any

from connectors.contracts.events import SCHEMA

Document = dict[str, Any]

BEGINNING = 1_700_006_400_000  # 2023-11-15T00:00:00Z
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def t(minutes: float, ms: int = 0) -> int:
    """So many minutes, and so many milliseconds, after the beginning."""
    return BEGINNING + round(minutes * MINUTE) + ms


def event(visitor: str, event_type: str, at_ms: int, delay_ms: int = 0, **more: Any) -> Document:
    """A valid event that comes in `delay_ms` after it happened; equal arguments give equal events."""
    return {
        "schema": SCHEMA,
        "event_id": f"{visitor}/{event_type}/{at_ms - BEGINNING}/{more.get('sequence', 0)}",
        "event_type": event_type,
        "event_time_ms": at_ms,
        "received_at_ms": at_ms + delay_ms,
        "visitor_id": visitor,
        **more,
    }


def page(at_ms: int, **more: Any) -> Document:
    return event("v", "page_view", at_ms, **more)


def cart(at_ms: int, **more: Any) -> Document:
    return event("v", "add_to_cart", at_ms, **more)


def taken_out(at_ms: int, **more: Any) -> Document:
    return event("v", "remove_from_cart", at_ms, **more)


def purchase(at_ms: int, **more: Any) -> Document:
    return event("v", "purchase", at_ms, **more)
