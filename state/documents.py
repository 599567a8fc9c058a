"""What the engine writes, as JSON: the event of the contract, and the dead letter."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson

from connectors.contracts.events import SCHEMA
from connectors.contracts.rejected import Reject, Rejected
from connectors.contracts.topics import MAX_RAW_MESSAGE_BYTES
from state.events import Event
from state.logic import SourcePosition
from state.options import Options

NOWHERE = SourcePosition("", 0, 0, 0)  # of what was read from no topic
_NO_BYTES = "the message is not kept: rejected_payloads is off"
_TOO_LARGE = (
    f"the bytes are not kept here: letters hold up to {MAX_RAW_MESSAGE_BYTES}, the raw topic has the "
    "message at this position"
)


def block(text: bytes) -> orjson.Fragment:
    """A block of an event in a document: as it came; an empty object where there is none."""
    return orjson.Fragment(text or b"{}")


def position_id(position: SourcePosition) -> str:
    """The id of what is known by the position of its message: topic:partition:offset."""
    return f"{position[0]}:{position[1]}:{position[2]}"


def event_document(event: Event, visitor_id: str, position: SourcePosition) -> bytes:
    """A valid event under its canonical visitor."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "event_time_ms": event.event_time_ms,
        "visitor_id": visitor_id,
    }
    for name in ("received_at_ms", "anonymous_id", "user_id", "session_hint"):
        value = getattr(event, name)
        if value is not None:
            document[name] = value
    document["sequence"] = event.sequence
    document["context"] = block(event.context_json)
    document["product"] = block(event.product_json)
    document["order"] = block(event.order_json)
    document["properties"] = block(event.properties_json)
    document["source"] = _source(position)
    return orjson.dumps(document)


def _source(position: SourcePosition) -> dict[str, Any]:
    return {
        "topic": position[0],
        "partition": position[1],
        "offset": position[2],
        "timestamp_ms": position[3],
    }


def refused_letter(
    verdict: Reject, payload: bytes | None, position: SourcePosition, options: Options
) -> bytes:
    """The dead letter of a message that is no event: with its bytes, where these may be kept."""
    if not options.rejected_payloads:
        verdict, payload = Reject(verdict.reason, verdict.field, _NO_BYTES), None
    elif payload is not None and len(payload) > MAX_RAW_MESSAGE_BYTES:
        verdict, payload = Reject(verdict.reason, verdict.field, f"{verdict.detail}; {_TOO_LARGE}"), None
    return _letter(verdict, payload, position, options)


def withheld_letter(verdict: Reject, position: SourcePosition, options: Options) -> bytes:
    """The dead letter of an event that is held back: never with its bytes."""
    return _letter(verdict, None, position, options)


def _letter(verdict: Reject, payload: bytes | None, position: SourcePosition, options: Options) -> bytes:
    letter = Rejected.model_construct(
        reason=verdict.reason,
        field=verdict.field,
        detail=verdict.detail,
        payload_base64=None if payload is None else b64encode(payload).decode("ascii"),
        adapter="canonical",
        job_version=options.job_version,
        **_source(position),
    )
    return orjson.dumps(letter.to_document())
