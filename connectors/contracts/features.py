"""The running features of a visit: one table, which SQL, models, pages and tests all read. Pure.

A feature is as of one event: it is computed from the events of the visitor up to and including that one,
in order of event time, `sequence` and `event_id`. Nothing later goes into it, so that a model may be trained
on exactly what it will see. The vector holds 32-bit floats in the order of `FEATURES`; a value that is not
known is null there and NaN in a model's input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connectors.contracts.sessions import COUNT_NAMES

SCHEMA = "features/1"
# Of the table as a whole: a model says for which one it was trained.
VERSION = 1

Window = Literal["event", "session", "visitor"]

# Dwell: the time from an event to the next of its session belongs to the kind of page of the earlier one.
PAGE_KINDS: Mapping[str, tuple[str, ...]] = {
    "listing": ("product_list_view", "search"),
    "product": ("product_view", "product_click"),
    "cart": ("add_to_cart", "remove_from_cart", "cart_view"),
    "checkout": ("checkout_start", "checkout_step", "purchase"),
}
OTHER_PAGES = "other"
# Funnel: the furthest step so far; a view of a product is 1, a purchase is 4.
FUNNEL: tuple[tuple[str, ...], ...] = (
    ("product_view", "product_click"),
    ("add_to_cart",),
    ("checkout_start", "checkout_step"),
    ("purchase",),
)
# Rates: name, time constant in milliseconds. The last goes over all of the visitor's sessions.
RATES: Mapping[str, int] = {"5m": 300_000, "30m": 1_800_000, "1h": 3_600_000, "24h": 86_400_000}
# The event property that holds how far down a page was scrolled, 0 to 100.
SCROLL_PROPERTY = "percent_scrolled"


@dataclass(frozen=True)
class Feature:
    """One row of the table.

    Attributes:
        name: its name everywhere.
        unit: of the value.
        window: which events go into it: this event, the session so far, or what is remembered of the visitor.
        null: when it is null; empty = never.
        meaning: what it says.
        dtype: of the vector's element.
    """

    name: str
    unit: str
    window: Window
    null: str
    meaning: str
    dtype: Literal["float32"] = "float32"


def _session(name: str, unit: str, meaning: str, null: str = "") -> Feature:
    return Feature(name, unit, "session", null, meaning)


def _visitor(name: str, unit: str, meaning: str, null: str = "") -> Feature:
    return Feature(name, unit, "visitor", null, meaning)


_FIRST = "the session's first event"
_FORGETTING = "while the visitor is being forgotten"
_TOO_LONG = f"{_FORGETTING}, or known for more than 700 days"
_NO_PRICE = "no event with a price yet"
FEATURES: tuple[Feature, ...] = (
    _session("events", "events", "events"),
    _session("session_seconds", "s", "from the first event to this one"),
    _session("seconds_since_previous", "s", "since the event before", _FIRST),
    _session("seconds_between_mean", "s", "mean time between two events", _FIRST),
    _session("seconds_between_std", "s", "standard deviation (population) of the time between two", _FIRST),
    _session("seconds_between_max", "s", "longest time between two events", _FIRST),
    *(_session(f"count_{name}", "events", f"events of type {name}") for name in COUNT_NAMES),
    *(
        _session(f"seconds_on_{kind}", "s", f"dwell after {', '.join(types)}")
        for kind, types in PAGE_KINDS.items()
    ),
    _session(f"seconds_on_{OTHER_PAGES}", "s", "dwell after every other type"),
    _session("scroll_depth", "%", f"largest {SCROLL_PROPERTY} of a scroll", "no scroll that says how far"),
    _session("distinct_categories", "categories", "different product.category"),
    _session("distinct_products", "products", "different product.product_id"),
    _session("price_min", "currency", "lowest product.price", _NO_PRICE),
    _session("price_max", "currency", "highest product.price", _NO_PRICE),
    _session("price_mean", "currency", "mean of product.price over the events that have one", _NO_PRICE),
    _session("funnel_step", "step", "furthest step: 1 product, 2 cart, 3 checkout, 4 purchase; 0 none"),
    _session("is_single_event", "0 or 1", "1 as long as the session has one event: a bounce if it ends so"),
    *(
        _session(f"events_per_minute_{name}", "1/min", f"rate, weighted by exp(-age / {name})")
        for name in ("5m", "30m", "1h")
    ),
    _visitor("events_per_minute_24h", "1/min", "rate, weighted by exp(-age / 24h)", _TOO_LONG),
    _visitor("visitor_events", "events", "events"),
    _visitor("visitor_sessions", "sessions", "sessions, this one included"),
    _visitor("visitor_purchases", "orders", "purchases; those of one order_id count once"),
    _visitor("days_since_first_seen", "d", "since the first event", _FORGETTING),
    _visitor("days_away", "d", "from the last event of the session before to this session", "first session"),
    _visitor("days_since_purchase", "d", "since the last purchase", "no purchase yet"),
    Feature("hour_utc", "h", "event", "", "hour of the day of this event, UTC"),
    Feature("weekday_utc", "day", "event", "", "day of the week of this event, UTC; Monday is 1"),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
# Beside the vector: text, for filters, for segments and for models that take categories.
TEXTS: Mapping[str, str] = {
    "device": "context.device of this event",
    "country": "context.country of this event",
    "channel": "context.channel of this event",
    "entry_page": "context.path of the session's first event that has one",
    "page": "context.path of the latest event that has one: the exit page if the session ends so",
    "last_types": "the last three event types of the session, oldest first, joined by >; custom:… is custom",
}


def as_mapping(values: Sequence[float | None]) -> dict[str, float | None]:
    """The vector by name.

    >>> as_mapping([1.0] * len(FEATURES))["events"]
    1.0

    Raises:
        ValueError: the vector has another length.
    """
    return dict(zip(NAMES, values, strict=True))


def markdown_table() -> list[str]:
    """The rows of the table for the page that shows it.

    >>> markdown_table()[2]
    '| 0 | `events` | events | session | never | events |'
    """
    head = ["| | feature | unit | window | null | meaning |", "|---|---|---|---|---|---|"]
    rows = [
        f"| {at} | `{row.name}` | {row.unit} | {row.window} | {row.null or 'never'} | {row.meaning} |"
        for at, row in enumerate(FEATURES)
    ]
    return head + rows


def check_document(document: Mapping[str, Any]) -> None:
    """Whether a document of the features topic has this version and this many values.

    Raises:
        ValueError: another version, or another number of values.
    """
    if document["schema"] != SCHEMA or document["definitions"] != VERSION:
        raise ValueError(f"{SCHEMA} with definitions {VERSION} is required, {document['schema']} came")
    as_mapping(document["values"])
