"""Google Analytics 4: rows of the BigQuery export, requests of the Measurement Protocol (as gtag). Pure."""

from __future__ import annotations

from typing import Any

from connectors.adapters.adapter import Adapter, Elements, clamp_sequence, listed, one
from connectors.adapters.mapping import Field, move, snake
from connectors.adapters.reading import currency, identifier, integer, number, text, time_micros
from connectors.messages import Document

SHARED = (
    Field("client_id", "anonymous_id", identifier, keep=True),
    Field("app_instance_id", "anonymous_id", identifier, keep=True),
    Field("user_id", "user_id", identifier, keep=True),
    Field("timestamp_micros", "clock.event", time_micros, keep=True),
)
FIELDS = (
    Field("user_pseudo_id", "anonymous_id", identifier),
    Field("user_id", "user_id", identifier),
    Field("event_timestamp", "clock.event", time_micros),
    Field("timestamp_micros", "clock.event", time_micros),
    Field("batch_ordering_id", "sequence", integer),
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
    Field("ecommerce.transaction_id", "order.order_id", identifier),
    Field("params.transaction_id", "order.order_id", identifier),
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
    event: Document = {"event_type": _type(name)}
    element["params"] = _parameters(element)
    if event["event_type"] in _ORDERS:
        move(element, ORDER_FIELDS, event)
    move(element, FIELDS, event)
    if element is not message:
        move(message, SHARED, event)
        event.setdefault("sequence", index)
        extra = {key: value for key, value in message.items() if key not in _REQUEST}
        if extra:
            element["request"] = extra
    if "sequence" in event:
        event["sequence"] = clamp_sequence(event["sequence"])
    _settle_product(event, element)
    params = element.pop("params")
    event["properties"] = {**event.get("properties", {}), **params, "event": name}
    return event, element


_REQUEST = frozenset({"events", *(row.theirs for row in SHARED)})


def _type(name: object) -> str | None:
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
    nothing=("(not set)",),
)
