"""Segment's spec v2: track, page, screen, identify, alias, group; single or in a batch. Pure.

A message with `receivedAt` has been through Segment's server, which has corrected `timestamp`. Without it
`timestamp` is the device's, and is corrected here by `sentAt` and the time of receipt; so is a lone
`originalTimestamp`.
"""

from __future__ import annotations

from connectors.adapters import consent
from connectors.adapters.adapter import Adapter, Elements, listed, one
from connectors.adapters.mapping import Field, move, snake
from connectors.adapters.reading import (
    currency,
    event_identifier,
    helping_time_ms,
    identifier,
    integer,
    number,
    order_identifier,
    person,
    receipt_ms,
    text,
    time_text_ms,
)
from connectors.contracts.messages import Document

SHARED = (Field("sentAt", "clock.sent", helping_time_ms, keep=True),)
FIELDS = (
    Field("messageId", "event_id", event_identifier),
    Field("userId", "user_id", person),
    Field("anonymousId", "anonymous_id", person),
    Field("previousId", "anonymous_id", person),
    Field("timestamp", "clock.event", time_text_ms),
    Field("originalTimestamp", "clock.device", helping_time_ms),
    Field("sentAt", "clock.sent", helping_time_ms),
    Field("receivedAt", "clock.received", receipt_ms),
    Field("context.page.url", "context.url", text),
    Field("properties.url", "context.url", text),
    Field("context.page.path", "context.path", text),
    Field("properties.path", "context.path", text),
    Field("context.page.referrer", "context.referrer", text),
    Field("context.device.type", "context.device", text),
    Field("context.os.name", "context.os", text),
    Field("context.locale", "context.language", text),
    Field("context.campaign.medium", "context.channel", text),
    Field("context.sessionId", "session_hint", text),
    Field("context.consent.categoryPreferences", "context.consent", consent.acting, keep=True),
    Field("context.consentManagement", "context.consent", consent.rudderstack, keep=True),
    Field("properties.product_id", "product.product_id", identifier),
    Field("properties.sku", "product.product_id", identifier),
    Field("properties.category", "product.category", text),
    Field("properties.brand", "product.brand", text),
    Field("properties.price", "product.price", number),
    Field("properties.quantity", "product.quantity", integer),
)
# Only of a purchase or refund: before that an order is a wish, and its fields stay theirs.
ORDER_FIELDS = (
    Field("properties.order_id", "order.order_id", order_identifier),
    Field("properties.revenue", "order.revenue", number),
    Field("properties.total", "order.revenue", number),
    Field("properties.currency", "order.currency", currency, keep=True),
)
# The product of an event that carries a list: the first; the list stays among the properties.
FIRST_PRODUCT = (
    Field("product_id", "product.product_id", identifier, keep=True),
    Field("sku", "product.product_id", identifier, keep=True),
    Field("category", "product.category", text, keep=True),
    Field("brand", "product.brand", text, keep=True),
    Field("price", "product.price", number, keep=True),
    Field("quantity", "product.quantity", integer, keep=True),
)
CALLS = {"page": "page_view", "screen": "page_view", "identify": "identify", "alias": "identify"}
# A thing and what was done to it, as the spec has them now; the order and the signs between do not matter.
TYPES = {
    "products searched": "search",
    "product list viewed": "product_list_view",
    "product category viewed": "product_list_view",
    "promotion viewed": "promo_view",
    "promotion clicked": "promo_click",
    "product clicked": "product_click",
    "product viewed": "product_view",
    "product details viewed": "product_view",
    "product added": "add_to_cart",
    "wishlist product added to cart": "add_to_cart",
    "product removed": "remove_from_cart",
    "cart viewed": "cart_view",
    "checkout started": "checkout_start",
    "checkout step viewed": "checkout_step",
    "checkout step completed": "checkout_step",
    "payment info entered": "checkout_step",
    "order completed": "purchase",
    "order refunded": "refund",
    "signed in": "identify",
    "logged in": "identify",
    "signed up": "identify",
    "segment consent preference updated": "consent",
}
_ORDERS = frozenset({"purchase", "refund"})
_CALL_TYPES = frozenset({*CALLS, "track", "group"})


def recognises(document: Document) -> bool:
    """Whether it is a call or a batch of calls."""
    batch = isinstance(document.get("batch"), list)
    marks = ("messageId", "anonymousId", "userId", "event", "properties", "traits")
    return batch or (str(document.get("type")) in _CALL_TYPES and any(mark in document for mark in marks))


def elements(document: Document) -> Elements:
    """The calls of a batch, or the one that it is.

    Raises:
        Refused: the batch is none.
    """
    return listed("batch")(document) if "batch" in document else one(document)


def convert(element: Document, message: Document, index: int) -> tuple[Document, Document]:
    """One call."""
    event: Document = {"event_type": _type(element)}
    if "batch" in message and isinstance(message.get("context"), dict):
        own = element.get("context")
        element["context"] = {**message["context"], **(own if isinstance(own, dict) else {})}
    if event["event_type"] in _ORDERS:
        move(element, ORDER_FIELDS, event)
    move(element, FIELDS, event)
    if element is not message:
        move(message, SHARED, event)
        event["ordering"] = index
    _settle_clock(event.get("clock", {}))
    _settle_product(event, element.get("properties"))
    element.pop("type", None)
    inner = element.pop("properties", None)
    if isinstance(inner, dict):
        event["properties"] = inner
    elif inner is not None:
        element["properties_as_sent"] = inner
    consent.settle(event, _consent(element.get("context")))
    return event, element


def _consent(context: object) -> consent.Words:
    """The consent statuses in a call's context, in Segment's form or RudderStack's."""
    if not isinstance(context, dict):
        return consent.Words()
    own = context.get("consent")
    answers = own.get("categoryPreferences") if isinstance(own, dict) else None
    return consent.words(answers or consent.rudderstack_answers(context.get("consentManagement")))


def _type(element: Document) -> str | None:
    call, name = element.get("type"), element.get("event")
    if call == "track":
        known = _NAMES.get(_squeezed(name)) if isinstance(name, str) else None
        return known or (f"custom:{snake(str(name))}" if name else None)
    return CALLS.get(str(call)) or (f"custom:{snake(str(call))}" if isinstance(call, str) and call else None)


def _squeezed(name: str) -> str:
    """A name without what may stand between its words.

    >>> _squeezed(" Order_Completed "), _squeezed("orderCompleted")
    ('ordercompleted', 'ordercompleted')
    """
    return "".join(sign for sign in name.lower() if sign.isalnum())


def _spellings() -> dict[str, str]:
    """Every known name as it is looked up: first the thing (version 2), or what was done (version 1)."""
    found: dict[str, str] = {}
    for name, event_type in TYPES.items():
        *thing, done = name.split(" ")
        found[_squeezed(name)] = event_type
        if done.endswith("ed"):
            found[_squeezed("".join([done, *thing]))] = event_type
    return found


_NAMES = _spellings()


def _settle_clock(clock: dict[str, int]) -> None:
    device_ms = clock.pop("device", None)
    if "event" not in clock and device_ms is not None:
        clock["event"] = device_ms
    elif "received" in clock:
        clock.pop("sent", None)


def _settle_product(event: Document, inner: object) -> None:
    """An event with a list of products is about the first; the view of a list is about none of them."""
    if not isinstance(inner, dict):
        return
    products = inner.get("products")
    if event["event_type"] != "product_list_view" and isinstance(products, list) and products:
        move(products[0] if isinstance(products[0], dict) else {}, FIRST_PRODUCT, event)
    if "product_id" in event.get("product", {}) and (code := currency(inner.get("currency"), "currency")):
        event["product"]["currency"] = code


ADAPTER = Adapter(
    name="segment",
    help="Segment spec v2: track, page, screen, identify, alias and batches of them",
    recognises=recognises,
    elements=elements,
    convert=convert,
    fields=FIELDS + ORDER_FIELDS + FIRST_PRODUCT,
    shared=SHARED,
    types={**CALLS, **TYPES},
    time="timestamp",
)
