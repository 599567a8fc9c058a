"""Google Analytics 360 as BigQuery exports it: a visit a row, its hits nested; also hits as flat rows. Pure.

What the visit says of itself beyond the table below (totals, traffic source …) is known in part only at its
end; it is kept with the first hit, as `properties.visit`.
"""

from __future__ import annotations

from typing import Any

from connectors.adapters.adapter import Adapter, Elements, clamp_sequence, listed, one
from connectors.adapters.mapping import Field, move, snake
from connectors.adapters.reading import (
    currency,
    event_identifier,
    identifier,
    integer,
    micros,
    number,
    order_identifier,
    person,
    text,
    time_ms,
    time_seconds,
)
from connectors.contracts.absent import BY_SENDER
from connectors.contracts.messages import Document

VISIT = (
    Field("fullVisitorId", "anonymous_id", person, keep=True),
    Field("userId", "user_id", person, keep=True),
    Field("visitId", "session_hint", identifier, keep=True),
    Field("device.deviceCategory", "context.device", text, keep=True),
    Field("device.operatingSystem", "context.os", text, keep=True),
    Field("device.browser", "context.browser", text, keep=True),
    Field("geoNetwork.country", "context.country", text, keep=True),
    Field("channelGrouping", "context.channel", text, keep=True),
    Field("trafficSource.source", "context.referrer", text, keep=True),
)
HIT = (
    Field("hitNumber", "sequence", integer),
    Field("page.pagePath", "context.path", text),
    Field("page.pageTitle", "properties.title", text),
    Field("page.searchKeyword", "properties.search_keyword", text),
    Field("transaction.transactionId", "order.order_id", order_identifier),
    Field("transaction.transactionRevenue", "order.revenue", micros),
    Field("transaction.currencyCode", "order.currency", currency, keep=True),
)
PRODUCT = (
    Field("productSKU", "product.product_id", identifier),
    Field("v2ProductCategory", "product.category", text),
    Field("productBrand", "product.brand", text),
    Field("productPrice", "product.price", micros),
    Field("productQuantity", "product.quantity", integer),
)
TYPES = {
    "1": "product_click",
    "2": "product_view",
    "3": "add_to_cart",
    "4": "remove_from_cart",
    "5": "checkout_step",
    "6": "purchase",
    "7": "refund",
    "8": "checkout_step",
}
NOTHING = ("", *BY_SENDER["Google Analytics"])
_ABOUT_A_PRODUCT = frozenset({"1", "2", "3", "4", "6", "7"})
# A flat row of one hit, as a table of hits has it.
FLAT = (
    Field("event_id", "event_id", event_identifier),
    Field("event_time_ms", "clock.event", time_ms),
    Field("visitor_id", "anonymous_id", person),
    Field("visit_id", "session_hint", identifier),
    Field("hit_number", "sequence", integer),
    Field("device", "context.device", text),
    Field("os", "context.os", text),
    Field("browser", "context.browser", text),
    Field("country", "context.country", text),
    Field("channel", "context.channel", text),
    Field("source", "context.referrer", text),
    Field("page_path", "context.path", text),
    Field("page_title", "properties.title", text),
    Field("search_keyword", "properties.search_keyword", text),
    Field("transaction_id", "order.order_id", order_identifier),
    Field("revenue_usd", "order.revenue", number),
)
FLAT_PRODUCT = (
    Field("productSKU", "product.product_id", identifier),
    Field("price", "product.price", number),
    Field("quantity", "product.quantity", integer),
)


def recognises(document: Document) -> bool:
    """Whether it is a visit with hits, or a flat hit."""
    nested = isinstance(document.get("hits"), list) and ("fullVisitorId" in document or "visitId" in document)
    return nested or _is_flat(document)


def _is_flat(document: Document) -> bool:
    return "hit_number" in document and "visit_id" in document


def elements(document: Document) -> Elements:
    """The hits of a visit, or the one of a flat row.

    Raises:
        Refused: there are no hits.
    """
    return one(document) if _is_flat(document) else listed("hits")(document)


def convert(element: Document, message: Document, index: int) -> tuple[Document, Document]:
    """One hit."""
    if _is_flat(message):
        return _flat(element)
    event: Document = {}
    move(message, VISIT, event)
    started_ms = time_seconds(message.get("visitStartTime"), "visitStartTime")
    event["clock"] = {"event": started_ms + time_ms(element.pop("time", None), "hits.time")}
    action = _inner(element, "eCommerceAction")
    kind = str(action.pop("action_type", "0"))
    event["event_type"] = _type(kind, action.get("step"), element)
    move(element, HIT, event)
    event["sequence"] = clamp_sequence(event.get("sequence", index))
    whose, visit = event.get("anonymous_id") or event.get("user_id"), event.get("session_hint")
    event["event_id"] = f"{whose}-{visit or started_ms // 1_000}-{event['sequence']}"
    if set(event.get("order", ())) <= {"currency"}:
        event.pop("order", None)
    if kind in _ABOUT_A_PRODUCT:
        _settle_product(event, element)
    if index == 0:
        element["visit"] = {name: value for name, value in message.items() if name != "hits"}
    return event, element


def _inner(element: Document, name: str) -> Document:
    inner = element.get(name)
    return inner if isinstance(inner, dict) else {}


def _type(kind: str, step: Any, element: Document) -> str:
    if kind == "5" and str(step) == "1":
        return "checkout_start"
    if kind != "0":
        return TYPES.get(kind, f"custom:ga360_action_{snake(kind)}")
    if element.get("type") == "PAGE":
        return "page_view"
    if _inner(element, "eventInfo").get("eventAction") == "Promotion Click":
        return "promo_click"
    return "custom:other_event"


def _settle_product(event: Document, element: Document) -> None:
    """The hit is about the first product that is no list impression; the others stay where they are."""
    products = element.get("product")
    for product in products if isinstance(products, list) else ():
        if isinstance(product, dict) and not product.get("isImpression"):
            move(product, PRODUCT, event)
            break
    if "price" in (block := event.get("product", {})):
        block.setdefault("currency", "USD")


def _flat(element: Document) -> tuple[Document, Document]:
    event: Document = {}
    kind, step = str(element.get("event_type")), str(element.get("checkout_step"))
    event["event_type"] = FLAT_TYPES.get((kind, step == "1")) or (
        "custom:other_event" if kind == "other_event" else kind
    )
    move(element, FLAT, event)
    if "order" in event:
        event["order"]["currency"] = "USD"
    if skus := element.get("product_skus"):
        event["product"] = _first_product(element, str(skus))
    return event, {name: value for name, value in element.items() if name != "event_type"}


FLAT_TYPES = {
    ("checkout", True): "checkout_start",
    ("checkout", False): "checkout_step",
    ("other_event", False): "custom:other_event",
}


def _first_product(element: Document, skus: str) -> Document:
    firsts = {
        "productSKU": skus.split("|")[0],
        "price": str(element.get("product_prices_usd") or "").split("|")[0],
        "quantity": str(element.get("product_quantities") or "").split("|")[0],
    }
    event: Document = {"product": {"currency": "USD"}}
    move(firsts, FLAT_PRODUCT, event)
    found: Document = event["product"]
    return found


ADAPTER = Adapter(
    name="ga360",
    help="Google Analytics 360 export: visits with nested hits, or flat rows of hits",
    recognises=recognises,
    elements=elements,
    convert=convert,
    fields=HIT + PRODUCT,
    shared=VISIT,
    types=TYPES,
    time="visitStartTime",
    nothing=NOTHING,
)
