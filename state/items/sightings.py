"""What an event tells about products: which ones, how much it counts, what was seen before in the session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from state.events import Block, Event, number_in, text_in
from state.vocabulary import ADD_TO_CART, KIND, PURCHASE

# What one event counts. A list of impressions, a removal and a refund say nothing of what goes together. A
# cart or an order counts as a look does: with more, what is shown is worse (docs/recommendations.md).
WEIGHTS: dict[str, float] = {
    "page_view": 1.0,  # where it names a product
    "product_view": 1.0,
    "product_click": 1.0,
    "custom:favourite": 1.0,
    "add_to_cart": 1.0,
    "purchase": 1.0,
}
MOST_IN_BASKET = 20  # products of one event
LONGEST_ID = 200  # characters; what is longer is no product's id
# Where adapters leave the products of an event beside the first: an array of objects, or ids in one text.
_LISTS = ("items", "products", "product", "other_products")
_JOINED = "product_skus"
_IDS = ("product_id", "item_id", "productSKU", "sku", "id")
_OUT_OF_STOCK = frozenset(
    ("outofstock", "soldout", "discontinued", "unavailable", "notavailable", "false", "no", "0")
)
_AVAILABILITY = ("availability", "available", "in_stock", "inventory_status")
_BASKETS = frozenset((ADD_TO_CART, PURCHASE))
_ABOUT_NONE = frozenset((KIND["product_list_view"], KIND["refund"]))


class Product(Struct, array_like=True, gc=False, omit_defaults=True):
    """A product as an event tells of it; what it does not say is None."""

    id: str
    category: str | None = None
    price: float | None = None
    currency: str | None = None
    available: bool | None = None


class Sighting(Struct, array_like=True, gc=False, omit_defaults=True):
    """What one event of a visitor tells.

    Attributes:
        at, sequence, event_id: the event's sort key.
        weight: what it counts; 0 for what only tells of the product itself.
        products: that it is about, each once.
        before: other products that the session saw last.
    """

    at: int
    sequence: int
    event_id: str
    weight: float
    products: list[Product]
    before: list[str] = []


def weight_of(event: Event) -> float:
    """What the event counts; 0 of those that say nothing of what goes together."""
    return WEIGHTS.get(event.event_type, 0.0)


def products_of(event: Event) -> list[Product]:
    """The products that an event is about, each once: one, or those of a cart or an order.

    >>> from state.events import read_event
    >>> body = b'{"schema":"event/1","event_id":7,"event_type":"purchase","event_time_ms":5,"visitor_id":"v",'
    >>> order = read_event(body + b'"product":{"product_id":"a"},"properties":{"product_skus":"a|b"}}')
    >>> [product.id for product in products_of(order)]
    ['a', 'b']
    """
    if not event.product_json and event.kind not in _BASKETS or event.kind in _ABOUT_NONE:
        return []
    found: dict[str, Product] = {}
    first = _product(event.product, "product_id")
    others = _others(event.properties) if event.kind in _BASKETS and event.properties_json else ()
    for product in (first, *others):
        if product is not None and len(found) < MOST_IN_BASKET:
            found.setdefault(product.id, product)
    return list(found.values())


def _others(properties: Block) -> Iterator[Product | None]:
    """The products that lie among an event's properties."""
    for name in _LISTS:
        rows = properties.get(name)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and not row.get("isImpression"):
                yield _product(row, *_IDS)
    joined = properties.get(_JOINED)
    for name in joined.split("|") if isinstance(joined, str) else ():
        yield _product({"product_id": name}, "product_id")


def _product(block: Block, *names: str) -> Product | None:
    name = next((found for found in (text_in(block, one) for one in names) if found), None)
    if name is None or len(name) > LONGEST_ID:
        return None
    category, currency = text_in(block, "category"), text_in(block, "currency")
    return Product(name, category, number_in(block, "price"), currency, _available(block))


def _available(block: Block) -> bool | None:
    """Whether it can be bought, in the words that shops use for it; None where nothing is said."""
    said: Any = next((block[one] for one in _AVAILABILITY if one in block), None)
    if said is None or isinstance(said, bool):
        return said
    word = "".join(sign for sign in str(said).rpartition("/")[2].lower() if sign.isalnum())
    return word not in _OUT_OF_STOCK if word else None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Sighting]).decode


def pack_sightings(found: list[Sighting]) -> bytes:
    """Sightings as bytes, for the way between the stages."""
    return _encode(found)


def unpack_sightings(values: Iterable[bytes]) -> list[Sighting]:
    """The sightings again, of however many packs."""
    return [one for value in values for one in _decode(value)]
