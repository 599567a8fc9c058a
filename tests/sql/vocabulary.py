"""The words that stories are told in: minutes since the beginning, events, orders of arrival."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connectors.events import SCHEMA

Document = dict[str, Any]
Test = TypeVar("Test", bound=Callable[..., None])

BEGINNING = 1_700_006_400_000  # 2023-11-15T00:00:00Z
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
RAW_TOPIC = "footfall.events.raw"


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


def page(visitor: str, at_ms: int, delay_ms: int = 0, **more: Any) -> Document:
    return event(visitor, "page_view", at_ms, delay_ms, **more)


def cart(visitor: str, at_ms: int, delay_ms: int = 0, **more: Any) -> Document:
    return event(visitor, "add_to_cart", at_ms, delay_ms, **more)


def purchase(visitor: str, at_ms: int, delay_ms: int = 0, **more: Any) -> Document:
    return event(visitor, "purchase", at_ms, delay_ms, **more)


def heartbeat(visitor: str, at_ms: int) -> Document:
    return event(visitor, "heartbeat", at_ms)


def by_arrival(events: Iterable[Document]) -> list[Document]:
    """In the order in which they came in; of two at the same time the first mentioned is first."""
    return sorted(events, key=lambda event: event["received_at_ms"])


def placed(events: Iterable[Document], partition: int = 0) -> list[str]:
    """The events as messages that lie one behind the other in a partition."""
    return [message(event, partition, offset) for offset, event in enumerate(events)]


def message(event: Document, partition: int, offset: int, timestamp_ms: int | None = None) -> str:
    """One line of the source: the event and what Kafka would say of its record."""
    arrived_ms = event["received_at_ms"] if timestamp_ms is None else timestamp_ms
    return json.dumps({**event, **place(arrived_ms, partition, offset)})


def place(timestamp_ms: int, partition: int, offset: int) -> Document:
    """Topic, partition, offset and timestamp of a record."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=timestamp_ms)
    return {
        "source_topic": RAW_TOPIC,
        "source_partition": partition,
        "source_offset": offset,
        "source_timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    }


# The rules' views of abandoned carts, and of those with an answer after all.
CARTS, ANSWERED_CARTS = "waits_1800000", "answered_waits"


def is_cart(row: Document) -> bool:
    """Whether a row of these views is of the rule cart_abandoned."""
    return str(row["rule"]).startswith("cart_abandoned/")


def is_recovered_cart(row: Document) -> bool:
    """Whether a row of the second is a recovered cart, not one that a late answer takes back."""
    return is_cart(row) and not row["is_late"]


class Stories:
    """Stories told in one stream: each test brings its visitors' events, one job answers all tests."""

    def __init__(self) -> None:
        self.events: list[Document] = []
        self._visitors: set[str] = set()

    def tell(self, *events: Document) -> Callable[[Test], Test]:
        """Decorates the test that these events are for; no other story may use their visitors."""
        visitors = {event["visitor_id"] for event in events}
        if taken := visitors & self._visitors:
            raise ValueError(f"each story needs visitors of its own; told before: {sorted(taken)}")
        self._visitors |= visitors
        self.events.extend(events)
        return lambda test: test


def _as_it_came(events: Iterable[Document]) -> list[str]:
    return placed(by_arrival(events))


def _backwards(events: Iterable[Document]) -> list[str]:
    return placed(reversed(by_arrival(events)))


# Both orders of arrival: the messages, and the settings under which all of them are in time.
ORDERS: Mapping[str, tuple[Callable[[Iterable[Document]], list[str]], Mapping[str, int]]] = {
    "as it came": (_as_it_came, {}),
    "backwards": (_backwards, {"out_of_orderness_ms": 90 * DAY}),
}
