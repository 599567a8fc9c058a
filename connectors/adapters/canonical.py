"""Events that are already canonical: checked, with source and receipt time, unknown members moved. Pure."""

from __future__ import annotations

from dataclasses import fields

from connectors.adapters.adapter import Adapter, RecordMetadata, one, source_of
from connectors.adapters.reading import Refused
from connectors.contracts.events import Event, check_document, visitor_of
from connectors.contracts.messages import Document, integer_of

_KNOWN = {"schema", *(field.name for field in fields(Event))} - {"document"}


def recognises(document: Document) -> bool:
    """Whether it says so, or has the required fields."""
    return str(document.get("schema", "")).startswith("event/") or (
        "event_id" in document and "event_time_ms" in document and "event_type" in document
    )


def convert(element: Document, _message: Document, _index: int) -> tuple[Document, Document]:
    """Nothing is to be converted: `stamped` is all there is to do."""
    return element, {}


def stamped(element: Document, record: RecordMetadata) -> Document:
    """The event with its source, and with the time of receipt when it has none.

    Members that the contract does not name go to `properties`.

    Raises:
        Refused: the contract refuses it.
    """
    if verdict := check_document(element, record.timestamp_ms):
        raise Refused(verdict)
    if element.get("received_at_ms") is None and record.received_ms is not None:
        element["received_at_ms"] = record.received_ms
    element["event_time_ms"] = integer_of(element["event_time_ms"])
    element["visitor_id"] = visitor_of(element)
    element["source"] = source_of(ADAPTER.name, record, 0)
    if unknown := {name: element.pop(name) for name in list(element) if name not in _KNOWN}:
        own = element.get("properties")
        element["properties"] = {**unknown, **(own if isinstance(own, dict) else {"properties": own})}
    return element


ADAPTER = Adapter(
    name="canonical",
    help="canonical events, one a message",
    recognises=recognises,
    elements=one,
    convert=convert,
    fields=(),
    time="event_time_ms",
)
