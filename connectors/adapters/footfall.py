"""Footfall's own tracker: a batch of events with what they share said once. Pure."""

from __future__ import annotations

from connectors.adapters.adapter import Adapter, listed
from connectors.adapters.mapping import Field, move
from connectors.adapters.reading import event_identifier, helping_time_ms, integer, person, text, time_ms
from connectors.contracts.messages import Document

SHARED = (
    Field("sent_at_ms", "clock.sent", helping_time_ms, keep=True),
    Field("anonymous_id", "anonymous_id", person, keep=True),
    Field("visitor_id", "anonymous_id", person, keep=True),
    Field("user_id", "user_id", person, keep=True),
    Field("session_hint", "session_hint", text, keep=True),
)
FIELDS = (
    Field("event_id", "event_id", event_identifier),
    Field("event_type", "event_type", text),
    Field("event_time_ms", "clock.event", time_ms),
    Field("anonymous_id", "anonymous_id", person),
    Field("visitor_id", "anonymous_id", person),
    Field("user_id", "user_id", person),
    Field("session_hint", "session_hint", text),
    Field("sequence", "sequence", integer),
)
_BLOCKS = ("context", "product", "order", "properties")
_ENVELOPE = frozenset({"schema", "events", "context", *(row.theirs for row in SHARED)})


def recognises(document: Document) -> bool:
    """Whether it is a batch of ours."""
    return isinstance(document.get("events"), list) and "sent_at_ms" in document


def convert(element: Document, message: Document, index: int) -> tuple[Document, Document]:
    """One event; what it does not say itself, the batch says."""
    event: Document = {"placed": index}
    for name in _BLOCKS:
        own, common = element.pop(name, None), message.get(name) if name == "context" else None
        merged = {**(common if isinstance(common, dict) else {}), **(own if isinstance(own, dict) else {})}
        if merged:
            event[name] = merged
        if own is not None and not isinstance(own, dict):
            element[name] = own
    element.pop("schema", None)
    move(element, FIELDS, event)
    move(message, SHARED, event)
    others = {name: value for name, value in message.items() if name not in _ENVELOPE}
    return event, {**({"batch": others} if others else {}), **element}


ADAPTER = Adapter(
    name="footfall",
    help="batches of Footfall's own tracker",
    recognises=recognises,
    elements=listed("events"),
    convert=convert,
    fields=FIELDS,
    shared=SHARED,
    time="event_time_ms",
)
