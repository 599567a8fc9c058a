"""OTTO's recommender data set: a whole session a row. Pure."""

from __future__ import annotations

from connectors.adapters.adapter import Adapter, listed
from connectors.adapters.mapping import Field, move
from connectors.adapters.reading import identifier, time_ms
from connectors.contracts.messages import Document


def session(value: object, field: str) -> str:
    """A session's number as a visitor's id. The data set counts from 0, which is no id elsewhere.

    >>> session(12, "session"), session(0, "session")
    ('12', 'otto-0')

    Raises:
        Refused: it is neither text nor an integer.
    """
    number = identifier(value, field)
    return "otto-0" if number == "0" else number


SHARED = (Field("session", "anonymous_id", session, keep=True),)
FIELDS = (
    Field("ts", "clock.event", time_ms),
    Field("aid", "product.product_id", identifier),
)
TYPES = {"clicks": "product_view", "carts": "add_to_cart", "orders": "purchase"}


def recognises(document: Document) -> bool:
    """Whether it is a session of the data set."""
    rows = document.get("events")
    return "session" in document and isinstance(rows, list) and (not rows or "aid" in (rows[0] or ()))


def convert(element: Document, message: Document, index: int) -> tuple[Document, Document]:
    """One event; its index in the session is its id, because a session is only ever appended to."""
    event: Document = {"ordering": index}
    move(message, SHARED, event)
    move(element, FIELDS, event)
    if "anonymous_id" in event:
        event["event_id"] = f"otto-{message['session']}-{index}"
    their_type = element.pop("type", None)
    event["event_type"] = TYPES.get(str(their_type), f"custom:{their_type}" if their_type else None)
    return event, element


ADAPTER = Adapter(
    name="otto",
    help="sessions of the OTTO recommender data set",
    recognises=recognises,
    elements=listed("events"),
    convert=convert,
    fields=FIELDS,
    shared=SHARED,
    types=TYPES,
    time="ts",
)
