"""Google Analytics 4: rows of the BigQuery export, requests of the Measurement Protocol (as gtag). Pure.

The export has an event twice for a while, in the table of the day and in the one of the running day, once
with more fields; so its id is made of what names it and of nothing that is filled in later.
"""

from __future__ import annotations

from typing import Any

from connectors.adapters import consent
from connectors.adapters.adapter import Adapter, Elements, listed, one
from connectors.adapters.mapping import Field, move, snake
from connectors.adapters.reading import (
    currency,
    identifier,
    integer,
    number,
    order_identifier,
    person,
    text,
    time_micros,
)
from connectors.contracts.absent import BY_SENDER
from connectors.contracts.messages import Document, text_of
from connectors.contracts.vocabulary import HEARTBEAT_TYPE

SHARED = (
    Field("client_id", "anonymous_id", person, keep=True),
    Field("app_instance_id", "anonymous_id", person, keep=True),
    Field("user_id", "user_id", person, keep=True),
    Field("timestamp_micros", "clock.event", time_micros, keep=True),
    Field("consent", "context.consent", consent.google, keep=True),
)
FIELDS = (
    Field("user_pseudo_id", "anonymous_id", person),
    Field("user_id", "user_id", person),
    Field("event_timestamp", "clock.event", time_micros),
    Field("timestamp_micros", "clock.event", time_micros),
    Field("batch_ordering_id", "ordering.batch", integer),
    Field("batch_event_index", "ordering.event", integer),
    Field("privacy_info", "context.consent", consent.google, keep=True),
    Field("consent", "context.consent", consent.google, keep=True),
    Field("params.ga_session_id", "session_hint", identifier),
    Field("params.session_id", "session_hint", identifier),
    Field("params.page_location", "context.url", text),
    Field("params.page_path", "context.path", text),
    Field("params.page_referrer", "context.referrer", text),
    Field("device.category", "context.device", text),
    Field("device.operating_system", "context.os", text),
    Field("device.web_info.browser", "context.browser", text),
    Field("device.browser", "context.browser", text),
    Field("device.language", "context.language", text),
    Field("geo.country", "context.country", text),
    Field("traffic_source.medium", "context.channel", text),
    Field("params.search_term", "properties.search_keyword", text),
)
# Only of a purchase or refund.
ORDER_FIELDS = (
    Field("ecommerce.transaction_id", "order.order_id", order_identifier),
    Field("params.transaction_id", "order.order_id", order_identifier),
    Field("ecommerce.purchase_revenue", "order.revenue", number),
    Field("ecommerce.refund_value", "order.revenue", number),
    Field("params.value", "order.revenue", number),
    Field("params.currency", "order.currency", currency, keep=True),
)
# Of the first item; all of them stay among the properties.
ITEM = (
    Field("item_id", "product.product_id", identifier, keep=True),
    Field("item_category", "product.category", text, keep=True),
    Field("item_brand", "product.brand", text, keep=True),
    Field("price", "product.price", number, keep=True),
    Field("quantity", "product.quantity", integer, keep=True),
    Field("currency", "product.currency", currency, keep=True),
)
TYPES = {
    "page_view": "page_view",
    "screen_view": "page_view",
    "view_item": "product_view",
    "select_item": "product_click",
    "view_item_list": "product_list_view",
    "search": "search",
    "view_search_results": "search",
    "click": "click",
    "scroll": "scroll",
    "form_start": "form_start",
    "form_submit": "form_submit",
    "video_start": "video_start",
    "video_progress": "video_progress",
    "video_complete": "video_complete",
    "view_promotion": "promo_view",
    "select_promotion": "promo_click",
    "add_to_cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart",
    "view_cart": "cart_view",
    "begin_checkout": "checkout_start",
    "add_shipping_info": "checkout_step",
    "add_payment_info": "checkout_step",
    "purchase": "purchase",
    "refund": "refund",
    "login": "identify",
    "sign_up": "identify",
}
# Sent by themselves with what a visitor did: no behaviour, but event time moves on with them.
AUTOMATIC = ("first_visit", "first_open", "session_start", "user_engagement")
TYPES |= dict.fromkeys(AUTOMATIC, HEARTBEAT_TYPE)
_ORDERS = frozenset({"purchase", "refund"})
_VALUES = ("string_value", "int_value", "double_value", "float_value")


def recognises(document: Document) -> bool:
    """Whether it is a row of the export or a request."""
    row = "event_name" in document and ("event_timestamp" in document or "user_pseudo_id" in document)
    request = isinstance(document.get("events"), list) and (
        "client_id" in document or "app_instance_id" in document
    )
    return row or request


def elements(document: Document) -> Elements:
    """The events of a request, or the one of a row.

    Raises:
        Refused: the request has none.
    """
    return listed("events")(document) if "events" in document else one(document)


def convert(element: Document, message: Document, index: int) -> tuple[Document, Document]:
    """One event."""
    name = element.pop("event_name", None) or element.pop("name", None)
    event: Document = {"event_type": type_of(name)}
    element["params"] = _parameters(element)
    event["named_by"] = _named_by(name, element, message)
    asked = [element] if element is message else [element, message]
    if event["event_type"] in _ORDERS:
        move(element, ORDER_FIELDS, event)
    move(element, FIELDS, event)
    if element is not message:
        move(message, SHARED, event)
        event.setdefault("ordering", {}).setdefault("event", index)
        extra = {key: value for key, value in message.items() if key not in _REQUEST}
        if extra:
            element["request"] = extra
    event["ordering"] = _ordering(event.get("ordering"), event["named_by"]["micros"])
    consent.settle(event, _consent(asked))
    _settle_product(event, element)
    params = element.pop("params")
    event["properties"] = {**event.get("properties", {}), **params, "event": name}
    return event, element


def _ordering(batch: Document | None, micros: int | None) -> int | None:
    """Order inside one millisecond: the microseconds, the batch of a page, the event's index in the batch."""
    within = (micros or 0) % 1_000
    if batch is None and not within:
        return None
    ordering, known = 0, batch or {}
    for part in (within, known.get("batch", 0), known.get("event", 0)):
        ordering = ordering * _PARTS + min(max(part, 0), _PARTS - 1)
    return ordering


_PARTS = 100_000  # of each part; three of them fit a sequence


def _named_by(name: object, element: Document, message: Document) -> Document:
    """What names an event however often it is exported.

    With its index in a batch that is all; without, what it says tells it from others of the same microsecond.
    """
    both = {**message, **element}
    micros = integer(element.get("event_timestamp") or both.get("timestamp_micros"), "event_timestamp")
    names: Document = {key: text_of(both[key]) for key in _NAMES if both.get(key) is not None}
    if "batch_event_index" not in names:
        names["params"] = {key: text_of(value) for key, value in element["params"].items()}
        rows = element.get("items")
        items = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        names["items"] = [[text_of(row.get(key)) for key in _ITEM_NAMES] for row in items]
    return {"name": name, "micros": micros, **names}


_NAMES = (
    *("stream_id", "user_pseudo_id", "client_id", "app_instance_id"),
    *("batch_page_id", "batch_ordering_id", "batch_event_index"),
)
_ITEM_NAMES = ("item_id", "item_name", "item_variant", "quantity")


def _consent(sources: list[Document]) -> consent.Words:
    answers: Document = {}
    for source in reversed(sources):
        for key in ("consent", "privacy_info"):
            answers.update(consent.google_answers(source.get(key)))
    return consent.words(answers)


_REQUEST = frozenset({"events", *(row.theirs for row in SHARED)} - {"consent"})


def take_parameters(parameters: Document, event: Document) -> Document:
    """Moves what a page pushed with an event into the event, which has its type; what is left comes back.

    >>> event = {"event_type": "purchase"}
    >>> take_parameters({"transaction_id": "T-1", "items": [{"item_id": "p-1"}], "coupon": "SPRING"}, event)
    {'items': [{'item_id': 'p-1'}], 'coupon': 'SPRING'}
    >>> event
    {'event_type': 'purchase', 'order': {'order_id': 'T-1'}, 'product': {'product_id': 'p-1'}}
    """
    element: Document = {"params": parameters}
    if event["event_type"] in _ORDERS:
        move(element, ORDER_FIELDS, event)
    move(element, FIELDS, event)
    _settle_product(event, element)
    return parameters


def type_of(name: object) -> str | None:
    """The contract's type of a name of GA4's; `custom:<name>` of any other, None of what is no name.

    >>> type_of("view_item"), type_of("Wishlist opened"), type_of("")
    ('product_view', 'custom:wishlist_opened', None)
    """
    if not isinstance(name, str) or not name:
        return None
    return TYPES.get(name) or f"custom:{snake(name)}"


def _parameters(element: Document) -> Document:
    """Parameters as an object: the export has them as a list of key and typed value."""
    listed_ones, plain = element.pop("event_params", None), element.pop("params", None)
    if isinstance(plain, dict):
        return dict(plain)
    found: Document = {}
    for row in listed_ones if isinstance(listed_ones, list) else ():
        if isinstance(row, dict) and isinstance(row.get("key"), str):
            found[row["key"]] = _value(row.get("value"))
    return found


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return next((value[kind] for kind in _VALUES if value.get(kind) is not None), None)


def _settle_product(event: Document, element: Document) -> None:
    """The event is about the first item; the view of a list is about none of them."""
    items = element.get("items") or element["params"].get("items")
    if (
        event["event_type"] != "product_list_view"
        and isinstance(items, list)
        and items
        and isinstance(items[0], dict)
    ):
        move(items[0], ITEM, event)
        code = currency(element["params"].get("currency"), "currency")
        if code and "product" in event:
            event["product"].setdefault("currency", code)


ADAPTER = Adapter(
    name="ga4",
    help="Google Analytics 4: rows of the BigQuery export, requests of the Measurement Protocol",
    recognises=recognises,
    elements=elements,
    convert=convert,
    fields=FIELDS + ORDER_FIELDS + ITEM,
    shared=SHARED,
    types=TYPES,
    time="event_timestamp",
    nothing=BY_SENDER["Google Analytics"],
)
