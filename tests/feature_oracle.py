"""The naive features: one event after the other, each computed anew from the list of the events before it.

Batch Python, quadratic, written for reading; shares with the jobs only the table of names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from connectors.contracts.features import FUNNEL, NAMES, PAGE_KINDS
from connectors.contracts.sessions import COUNT_NAMES, count_name
from tests import oracle

Event = dict[str, Any]
Values = dict[str, float | None]
DAY_MS = 86_400_000


def features(events: Iterable[Event], **limits: int) -> Iterator[tuple[str, dict[str, str | None], Values]]:
    """(event_id, texts, values by name) of every event."""
    visitors: dict[str, list[oracle.Part]] = {}
    for part in oracle.session_parts(events, **limits):
        visitors.setdefault(part.visitor_id, []).append(part)
    for parts in visitors.values():
        for at, part in enumerate(parts):
            for number in range(1, len(part.events) + 1):
                session = part.events[:number]
                values = {**_session(session), **_visitor(parts[: at + 1], session)}
                assert set(values) == set(NAMES)
                yield session[-1]["event_id"], _texts(session), values


def _session(session: list[Event]) -> Values:
    now, times = session[-1], [event["event_time_ms"] for event in session]
    gaps = [(later - sooner) / 1000 for sooner, later in zip(times, times[1:], strict=False)]
    mean = sum(gaps) / len(gaps) if gaps else None
    prices = [
        price for price in (_number(event, "product", "price") for event in session) if price is not None
    ]
    moment = datetime.fromtimestamp(now["event_time_ms"] / 1000, UTC)
    types = [count_name(event["event_type"]) for event in session]
    return {
        "events": len(session),
        "session_seconds": (times[-1] - times[0]) / 1000,
        "seconds_since_previous": gaps[-1] if gaps else None,
        "seconds_between_mean": mean,
        "seconds_between_std": None
        if mean is None
        else math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)),
        "seconds_between_max": max(gaps, default=None),
        **{f"count_{name}": types.count(name) for name in COUNT_NAMES},
        **_dwell(types, gaps),
        "scroll_depth": max(_scrolls(session), default=None),
        "distinct_categories": len(_different(session, "category")),
        "distinct_products": len(_different(session, "product_id")),
        "price_min": min(prices, default=None),
        "price_max": max(prices, default=None),
        "price_mean": sum(prices) / len(prices) if prices else None,
        "funnel_step": max(
            step for kind in types for step, group in enumerate([(kind,), *FUNNEL]) if kind in group
        ),
        "is_single_event": int(len(session) == 1),
        "events_per_minute_5m": _rate(session, now, 5),
        "events_per_minute_30m": _rate(session, now, 30),
        "events_per_minute_1h": _rate(session, now, 60),
        "hour_utc": moment.hour,
        "weekday_utc": moment.isoweekday(),
    }


def _visitor(parts: list[oracle.Part], session: list[Event]) -> Values:
    now = session[-1]["event_time_ms"]
    whole = len(parts) - 1 - parts[-1].number  # where the session began, if it was cut for its size
    known = [event for part in parts[:-1] for event in part.events] + session
    bought = list(_orders(known).values())
    return {
        "events_per_minute_24h": _rate(known, session[-1], 24 * 60),
        "visitor_events": len(known),
        "visitor_sessions": sum(part.number == 0 for part in parts),
        "visitor_purchases": len(bought),
        "days_since_first_seen": (now - known[0]["event_time_ms"]) / DAY_MS,
        "days_away": (parts[whole].id_start_ms - parts[whole - 1].events[-1]["event_time_ms"]) / DAY_MS
        if whole
        else None,
        "days_since_purchase": (now - bought[-1]) / DAY_MS if bought else None,
    }


def _dwell(types: list[str], gaps: list[float]) -> Values:
    kinds = {kind: name for name, group in PAGE_KINDS.items() for kind in group}
    spent: Values = {f"seconds_on_{name}": 0.0 for name in [*PAGE_KINDS, "other"]}
    for kind, gap in zip(types, gaps, strict=False):
        name = f"seconds_on_{kinds.get(kind, 'other')}"
        spent[name] = (spent[name] or 0.0) + gap
    return spent


def _rate(events: list[Event], now: Event, minutes: int) -> float:
    ages = [(now["event_time_ms"] - event["event_time_ms"]) / 60_000 for event in events]
    return sum(math.exp(-age / minutes) for age in ages) / minutes


def _scrolls(session: list[Event]) -> list[float]:
    found = [
        _number(event, "properties", "percent_scrolled")
        for event in session
        if event["event_type"] == "scroll"
    ]
    return [percent for percent in found if percent is not None and percent <= 100]


def _different(session: list[Event], field: str) -> set[str]:
    return {event["product"][field] for event in session if field in event.get("product", {})}


def _number(event: Event, block: str, field: str) -> float | None:
    value = event.get(block, {}).get(field)
    return float(value) if value is not None and float(value) >= 0 else None


def _texts(session: list[Event]) -> dict[str, str | None]:
    now = session[-1].get("context", {})
    paths = [event["context"]["path"] for event in session if "path" in event.get("context", {})]
    return {
        "device": now.get("device"),
        "country": now.get("country"),
        "channel": now.get("channel"),
        "entry_page": paths[0] if paths else None,
        "page": paths[-1] if paths else None,
        "last_types": ">".join(count_name(event["event_type"]) for event in session[-3:]),
    }


def _orders(known: list[Event]) -> dict[str, int]:
    """When each order was told first; a purchase without an id is an order of its own."""
    found: dict[str, int] = {}
    for event in known:
        if event["event_type"] == "purchase":
            order = (event.get("order") or {}).get("order_id")
            name = f"event {event['event_id']}" if order is None else f"order {order}"
            found.setdefault(name, event["event_time_ms"])
    return found
