"""What an adapter is, and what every adapter does alike: clock, ids, what is left over. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.adapters.mapping import Field, left
from connectors.adapters.reading import Refused, corrected, possible
from connectors.contracts.events import SCHEMA, SEQUENCE_MAX, check_document
from connectors.contracts.messages import Document, described
from connectors.contracts.rejected import Reject

ADAPTED_ID_LENGTH = 32  # hex digits


@dataclass(frozen=True)
class RecordMetadata:
    """Metadata of a message: where it was read, and when it came in.

    Attributes:
        topic: Kafka topic.
        partition: Kafka partition.
        offset: Kafka offset.
        timestamp_ms: the record's own timestamp; bounds the future.
        received_ms: when the message came in, to correct clocks by; None when unknown (a file).
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    received_ms: int | None


@dataclass(frozen=True)
class Elements:
    """The events of one message as they came; `key` is the array they stand in, None for a message of one."""

    key: str | None
    rows: list[Any]


@dataclass(frozen=True)
class Adapter:
    """One foreign format.

    Attributes:
        name: what headers, settings and commands call it.
        help: what it reads, for the page.
        recognises: whether a message looks like one of this format.
        elements: the events in a message.
        convert: one element (its own to change) and its message into an unfinished event and what is left.
        fields: the table of an element's fields.
        shared: the table of the message's fields that all its elements get.
        types: their name of what happened -> our type.
        nothing: texts that stand for no value also among what is left.
        time: their field that says when it happened, for the detail of a refusal.
    """

    name: str
    help: str
    recognises: Callable[[Document], bool]
    elements: Callable[[Document], Elements]
    convert: Callable[[Document, Document, int], tuple[Document, Document]]
    fields: tuple[Field, ...]
    time: str
    shared: tuple[Field, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    nothing: tuple[str, ...] = ()


def one(document: Document) -> Elements:
    """A message that is one event."""
    return Elements(None, [document])


def listed(key: str) -> Callable[[Document], Elements]:
    """A message that has its events in an array.

    Raises:
        Refused: the array is absent, no array, or empty.
    """

    def elements(document: Document) -> Elements:
        rows = document.get(key)
        if rows is None:
            raise Refused(Reject("missing_field", key, f"{key} is required, it is absent or null"))
        if not isinstance(rows, list):
            raise Refused(
                Reject("wrong_type", key, f"an array of events is required, {described(rows)} came")
            )
        if not rows:
            raise Refused(Reject("missing_field", key, f"{key} holds no event"))
        return Elements(key, rows)

    return elements


def finished(
    adapter: Adapter, event: Document, rest: Document, record: RecordMetadata, index: int, seen: Counter[str]
) -> Document:
    """The canonical document of an event that an adapter has converted.

    Args:
        adapter: that has converted it.
        event: what it has found. Beside members of the contract: `clock`, the times; `ordering`, where it
            stands in its message, its order inside one millisecond; `named_by`, what its id is made of, with
            its time and whose it is, when other fields change each time that it is sent.
        rest: what it had no use for: becomes properties.
        record: metadata of the message.
        index: of the event in the message.
        seen: how often each id made of content was met in the message.

    Raises:
        Refused: the contract refuses it.
    """
    clock, ordering, named_by = (event.pop(name, None) for name in ("clock", "ordering", "named_by"))
    clock = clock or {}
    received_ms = clock.get("received", record.received_ms)
    event_time_ms = _event_time_ms(adapter, clock, received_ms)
    document: Document = {
        "schema": SCHEMA,
        "event_id": "",
        "event_type": event.pop("event_type", None),
        "event_time_ms": event_time_ms,
        "visitor_id": event.get("user_id") or event.get("anonymous_id"),
        **{name: value for name, value in event.items() if value not in (None, {})},
    }
    properties = left({**event.get("properties", {}), **rest}, adapter.nothing)
    if properties:
        document["properties"] = properties
    if named_by:
        whose = event.get("anonymous_id") or event.get("user_id")
        named_by = {**named_by, "event_time_ms": event_time_ms, "whose": whose}
    document["event_id"] = event.get("event_id") or content_id(adapter.name, named_by or document, seen)
    if ordering is not None:
        document.setdefault("sequence", clamp_sequence(ordering))
    if received_ms is not None:
        document["received_at_ms"] = received_ms
    document["source"] = source_of(adapter.name, record, index)
    _check(adapter, document, record)
    return document


def source_of(name: str, record: RecordMetadata, index: int) -> Document:
    """Where the event came from."""
    return {
        "adapter": name,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "index": index,
    }


def _event_time_ms(adapter: Adapter, clock: Mapping[str, int], received_ms: int | None) -> int:
    happened = clock.get("event", received_ms)
    if happened is None:
        raise Refused(
            Reject("missing_field", adapter.time, f"{adapter.time} is required, it is absent or null")
        )
    return possible(corrected(happened, clock.get("sent"), received_ms), adapter.time)


def _check(adapter: Adapter, document: Document, record: RecordMetadata) -> None:
    if document["visitor_id"] is None:
        theirs = " or ".join(
            row.theirs
            for row in (*adapter.shared, *adapter.fields)
            if row.ours in ("user_id", "anonymous_id")
        )
        raise Refused(Reject("missing_field", theirs, f"{theirs} is required, all are absent or empty"))
    if verdict := check_document(document, record.timestamp_ms):
        raise Refused(verdict)


def content_id(name: str, document: Document, seen: Counter[str]) -> str:
    """An id out of what happened, for trackers that give none: the same event again has the same id.

    Equal events of one message get a number each. Their index in it is no part of the id: another
    delivery may put them into other messages.
    """
    unknown = ("event_id", "received_at_ms", "source")
    known = {key: value for key, value in document.items() if key not in unknown}
    content = hashlib.sha256(name.encode() + dumped(known, sort=True)).hexdigest()[:ADAPTED_ID_LENGTH]
    seen[content] += 1
    return content if seen[content] == 1 else f"{content}-{seen[content]}"


def dumped(document: Document, *, sort: bool = False) -> bytes:
    """As JSON; deep nesting and integers of more than 64 bits are for the slow writer."""
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS if sort else None)
    except TypeError:
        return json.dumps(
            document, sort_keys=sort, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()


def clamp_sequence(number: int) -> int:
    """An index in a list as a sequence.

    >>> clamp_sequence(3), clamp_sequence(10**9)
    (3, 1000000000)
    """
    return min(max(number, 0), SEQUENCE_MAX)
