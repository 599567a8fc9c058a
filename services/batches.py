"""A tracker's batch as records for Kafka: events for ingest, letters for what no event can be made of. Pure.

A letter holds the bytes of its event, the others cut away, so that it can be sent again. Its id is made
of the batch's content: a batch that is sent twice leads to the same letters. An answer never depends on what
is in a batch: a tracker that gets "bad request" would send it again for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.adapters import Adapted, Refusal, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts import topics
from connectors.contracts.absent import is_absent_id
from connectors.contracts.messages import parse_object, text_of
from connectors.contracts.rejected import Reject, Rejected
from services import VERSION
from services.records import Record

COLLECTOR = "collector"  # stands for the topic in letters and in an event's source
ADAPTER = "footfall"
MAX_EVENTS = 500  # in a batch; a tracker sends ten
_OFFSET_BITS = 52  # what every reader of JSON takes as it is
_NO_CONSENT = "the batch names no visitor and no id may be stored; its bytes are not kept"


@dataclass
class Batch:
    """What becomes of a body.

    Attributes:
        records: to be written, all of them.
        events: how many events are among them.
        refused: reason of each letter.
    """

    records: list[Record] = field(default_factory=list)
    events: int = 0
    refused: list[str] = field(default_factory=list)


def wants_id(document: Any) -> bool:
    """Whether the batch leaves it to the cookie to say whose it is.

    >>> wants_id({"events": []}), wants_id({"anonymous_id": None}), wants_id({"visitor_id": "v"})
    (True, True, False)
    """
    return isinstance(document, dict) and all(
        _is_nobody(document.get(name)) for name in ("anonymous_id", "visitor_id")
    )


def seed_of(document: Any) -> object:
    """What the tracker wants the device's id to be made of; with it, it says that an id may be stored."""
    return document.get("device_seed") if isinstance(document, dict) else None


def withdraws(document: Any) -> bool:
    """Whether the batch's last consent status is a no: then the id is taken off the device.

    >>> word = {"name": "consent", "properties": {"status": "denied"}}
    >>> withdraws({"events": [{"name": "click"}, word]}), withdraws({"events": []})
    (True, False)
    """
    events = document.get("events") if isinstance(document, dict) else None
    words = [_word(one) for one in events if isinstance(one, dict)] if isinstance(events, list) else []
    return next((word for word in reversed(words) if word is not None), None) == "denied"


def _word(event: dict[str, Any]) -> object:
    properties = event.get("properties")
    is_word = "consent" in (event.get("event_type"), event.get("name")) and isinstance(properties, dict)
    return properties.get("status") if is_word and isinstance(properties, dict) else None


def may_act(document: Any) -> bool:
    """Whether the context leaves it open that somebody may act on this visitor."""
    context = document.get("context") if isinstance(document, dict) else None
    return not (isinstance(context, dict) and context.get("consent") == "denied")


def is_too_long(document: Any) -> bool:
    """Whether it holds more events than a batch may."""
    events = document.get("events") if isinstance(document, dict) else None
    return isinstance(events, list) and len(events) > MAX_EVENTS


def parsed(body: bytes) -> Any:
    """The JSON value, or None where the adapter is to say what is wrong."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        judged = parse_object(body)  # takes half a surrogate pair, which a cut text may end with
        return None if isinstance(judged, Reject) else judged


def with_id(body: bytes, device: str) -> bytes:
    """The batch, its bytes as they came, with the device's id as a last member, which is the one that counts.

    >>> with_id(b'{"events":[]} ', "d-1"), with_id(b"{}", "d-1")
    (b'{"events":[],"anonymous_id":"d-1"}', b'{"anonymous_id":"d-1"}')
    """
    open_object = body.rstrip()[:-1].rstrip()
    comma = b"" if open_object.endswith(b"{") else b","
    return open_object + comma + b'"anonymous_id":' + orjson.dumps(device) + b"}"


def without_visitor(body: bytes, now_ms: int) -> Batch:
    """A batch without any id of a device on which none may be stored: one letter, which keeps nothing."""
    refusal = Refusal(Reject("no_consent", None, _NO_CONSENT), None, None, ADAPTER)
    return _batch(body, [refusal], now_ms)


def read(body: bytes, now_ms: int) -> Batch:
    """The records of a batch that came in at `now_ms`, epoch milliseconds.

    >>> event = b'{"event_id":"e","event_type":"search","event_time_ms":1700000000000}'
    >>> body = b'{"sent_at_ms":1700000000000,"anonymous_id":"a","events":[%b,{}]}' % event
    >>> batch = read(body, 1_700_000_000_000)
    >>> batch.events, batch.refused, [record.topic for record in batch.records]
    (1, ['missing_field'], ['footfall.events.raw', 'footfall.events.rejected'])
    """
    record = RecordMetadata(COLLECTOR, 0, _offset(body), now_ms, now_ms)
    return _batch(body, adapt(body, ADAPTER, record), now_ms)


def _batch(body: bytes, results: Iterable[Adapted | Refusal], now_ms: int) -> Batch:
    batch, offset = Batch(), _offset(body)
    for one in results:
        if isinstance(one, Adapted):
            batch.events += 1
            key = one.visitor_id.encode("utf-8", "replace")
            batch.records.append(Record(topics.EVENTS_RAW.name, key, one.document))
        else:
            batch.refused.append(one.verdict.reason)
            batch.records.append(_letter(one, offset, now_ms))
    return batch


def _letter(refusal: Refusal, offset: int, now_ms: int) -> Record:
    letter = Rejected.of(
        refusal.verdict,
        refusal.payload,
        topic=COLLECTOR,
        partition=0,
        offset=offset,
        timestamp_ms=now_ms,
        adapter=refusal.adapter,
        job_version=VERSION,
        index=refusal.index,
    )
    parts = [COLLECTOR, "0", str(offset), *([] if refusal.index is None else [str(refusal.index)])]
    return Record(topics.EVENTS_REJECTED.name, ":".join(parts).encode(), orjson.dumps(letter.to_document()))


def _offset(body: bytes) -> int:
    return int.from_bytes(hashlib.sha256(body).digest()[:8]) >> (64 - _OFFSET_BITS)


def _is_nobody(value: Any) -> bool:
    return value is None or isinstance(value, (bool, list, dict)) or is_absent_id(text_of(value))
