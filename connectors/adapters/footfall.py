"""Footfall's own tracker: a batch of events with what they share said once. Pure.

An event is a canonical one, or it has a `name` as pages say it: one of the contract's types, one of GA4's
names with its parameters, or the shop's own, which becomes `custom:<name>`.
"""

from __future__ import annotations

from connectors.adapters import ga4
from connectors.adapters.adapter import Adapter, listed
from connectors.adapters.mapping import Field, move
from connectors.adapters.reading import event_identifier, helping_time_ms, integer, person, text, time_ms
from connectors.contracts.messages import Document
from connectors.contracts.vocabulary import CUSTOM_PREFIX, EVENT_TYPES

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
# `device_seed` is between the tracker and the collector, which makes the device's id of it.
_ENVELOPE = frozenset({"schema", "events", "context", "device_seed", *(row.theirs for row in SHARED)})


def recognises(document: Document) -> bool:
    """Whether it is a batch of ours."""
    return isinstance(document.get("events"), list) and "sent_at_ms" in document


def convert(element: Document, message: Document, index: int) -> tuple[Document, Document]:
    """One event; what it does not say itself, the batch says."""
    event: Document = {"ordering": index}
    for name in _BLOCKS:
        own, common = element.pop(name, None), message.get(name) if name == "context" else None
        merged = {**(common if isinstance(common, dict) else {}), **(own if isinstance(own, dict) else {})}
        if merged:
            event[name] = merged
        if own is not None and not isinstance(own, dict):
            element[name] = own
    element.pop("schema", None)
    if isinstance(element.get("name"), str) and "event_type" not in element:
        _take_over(element.pop("name"), event)
    move(element, FIELDS, event)
    move(message, SHARED, event)
    others = {name: value for name, value in message.items() if name not in _ENVELOPE}
    return event, {**({"batch": others} if others else {}), **element}


def _take_over(name: str, event: Document) -> None:
    """Translates a name and its parameters, which came as `properties`."""
    parameters = event.pop("properties", {})
    for block in ("product", "order"):
        if isinstance(parameters.get(block), dict):
            event[block] = {**event.get(block, {}), **parameters.pop(block)}
    context = event.pop("context", {})
    if name in EVENT_TYPES or name.startswith(CUSTOM_PREFIX):
        event["event_type"] = name
    else:
        event["event_type"] = ga4.type_of(name)
        parameters.setdefault("event", name)
    parameters = ga4.take_parameters(parameters, event)
    event["context"] = {**context, **event.get("context", {})}
    event["properties"] = {**event.get("properties", {}), **parameters}


ADAPTER = Adapter(
    name="footfall",
    help="batches of Footfall's own tracker",
    recognises=recognises,
    elements=listed("events"),
    convert=convert,
    fields=FIELDS,
    shared=SHARED,
    types=ga4.TYPES,
    time="event_time_ms",
)
