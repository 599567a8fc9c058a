"""Foreign payloads -> canonical events: one adapter a module, one way through for all. Pure.

A message may hold many events. Each becomes a canonical document or a refusal with its own bytes; a bad
event does not take its neighbours with it. Nothing a message can hold makes this raise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.adapters import canonical, footfall, ga4, ga360, otto, segment, snowplow
from connectors.adapters.adapter import Adapter as Adapter
from connectors.adapters.adapter import RecordMetadata, dumped, finished
from connectors.adapters.cutting import Cutter
from connectors.adapters.reading import Refused
from connectors.contracts.messages import (
    MAX_EVENT_BYTES,
    MAX_NESTING,
    Document,
    described,
    parse_object,
    text_of,
)
from connectors.contracts.rejected import Reject

MAX_FOREIGN_BYTES = 2_000_000  # a message may hold many events
AUTO = "auto"
# In the order of recognition: the marks of the first are the narrowest.
ADAPTERS: dict[str, Adapter] = {
    module.ADAPTER.name: module.ADAPTER
    for module in (ga360, otto, footfall, ga4, snowplow, segment, canonical)
}
UNFORESEEN = "the adapter did not foresee this"
_MIN_TABS = 100  # of a tab-separated enriched event


@dataclass(frozen=True)
class Adapted:
    """An event that was made: its document as JSON, its time, and the visitor that keys its record."""

    document: bytes
    event_time_ms: int
    visitor_id: str
    event_type: str


@dataclass(frozen=True)
class Refusal:
    """An event, or a message, that none could be made of; `index` is its position in a message of many.

    `payload` is the message without the others, None where consent to keep it is missing.
    """

    verdict: Reject
    payload: bytes | None
    index: int | None
    adapter: str


def adapt(
    payload: bytes | None, name: str, record: RecordMetadata, first_index: int = 0
) -> Iterator[Adapted | Refusal]:
    """What becomes of one message, event by event.

    Args:
        payload: the record's value; None is a record without one.
        name: of the adapter, or AUTO.
        record: its metadata.
        first_index: index in the original message of the first event, when the others were cut away.

    >>> record = RecordMetadata("t", 0, 0, 1_700_000_000_000, None)
    >>> message = b'{"session": 7, "events": [{"aid": 1, "ts": 1659304800025, "type": "carts"}, {"aid": 2}]}'
    >>> made, refused = adapt(message, AUTO, record)
    >>> made.event_type, made.visitor_id, refused.verdict.reason, refused.payload
    ('add_to_cart', '7', 'missing_field', b'{"session": 7, "events": [{"aid": 2}]}')
    """
    try:
        document, adapter = read(payload, name)
        elements = _guarded(adapter.elements, document)
    except Refused as refused:
        yield Refusal(refused.verdict, payload, None, name)
        return
    cutter, seen = Cutter(payload or b"", elements.key), Counter[str]()
    for index, element in enumerate(elements.rows, first_index):
        try:
            yield _event(adapter, element, document, index, record, seen)
        except Refused as refused:
            alone = None if elements.key is None else index
            kept = None if refused.verdict.reason == "no_consent" else cutter.only(index - first_index)
            yield Refusal(refused.verdict, kept, alone, adapter.name)


def read(payload: bytes | None, name: str) -> tuple[Document, Adapter]:
    """A message as an object, and the adapter that is to read it.

    Raises:
        Refused: it is no object, or nothing recognises it.
    """
    if name != AUTO and name not in ADAPTERS:
        known = ", ".join((AUTO, *ADAPTERS))
        raise Refused(Reject("unknown_schema", None, f"adapter is one of {known}, {name[:64]!r} came"))
    document = _parsed(payload, name)
    if name != AUTO:
        return document, ADAPTERS[name]
    adapter = next((each for each in ADAPTERS.values() if _recognises(each, document)), None)
    if adapter is None:
        keys = ", ".join(sorted(document)[:8])[:100]
        raise Refused(
            Reject("unknown_schema", None, f"no adapter recognises an object with the keys {keys or '-'}")
        )
    return document, adapter


def _recognises(adapter: Adapter, document: Document) -> bool:
    try:
        return bool(_guarded(adapter.recognises, document))
    except Refused:
        return False  # its marks are there, with values that none of its messages has


def _parsed(payload: bytes | None, name: str) -> Document:
    if payload is not None and len(payload) <= MAX_FOREIGN_BYTES:
        if name in (AUTO, snowplow.ADAPTER.name) and payload.count(b"\t") >= _MIN_TABS:
            line = snowplow.from_line(payload.decode("utf-8", "replace")) if payload[:1] != b"{" else None
            if line is not None:
                return line
        try:
            parsed = orjson.loads(payload)
        except orjson.JSONDecodeError:
            parsed = None
        if isinstance(parsed, dict):
            return parsed
    # The reference reader is slow and says why; it also takes what the fast one does not (half a surrogate).
    judged = parse_object(payload, MAX_FOREIGN_BYTES)
    if isinstance(judged, Reject):
        raise Refused(judged)
    return judged


def _event(
    adapter: Adapter, element: Any, message: Document, index: int, record: RecordMetadata, seen: Counter[str]
) -> Adapted:
    if not isinstance(element, dict):
        raise Refused(Reject("wrong_type", f"[{index}]", f"an event is an object, {described(element)} came"))
    if adapter is canonical.ADAPTER:
        return _adapted(canonical.stamped(element, record))
    event, rest = _guarded(adapter.convert, element, message, index)
    return _adapted(_guarded(finished, adapter, event, rest, record, index, seen))


def _adapted(document: Document) -> Adapted:
    text = _guarded(dumped, document)
    if len(text) > MAX_EVENT_BYTES:
        detail = f"at most {MAX_EVENT_BYTES} bytes are allowed for an event, {len(text)} came"
        raise Refused(Reject("oversized", None, detail))
    return Adapted(
        text,
        document["event_time_ms"],
        text_of(document["visitor_id"]),
        document["event_type"],
    )


def _guarded(call: Callable[..., Any], *arguments: Any) -> Any:
    """The call's answer; what an adapter's author did not foresee refuses the event and not the job.

    Raises:
        Refused: the call failed.
    """
    try:
        return call(*arguments)
    except Refused:
        raise
    except RecursionError as error:
        raise Refused(
            Reject("not_json", None, f"at most {MAX_NESTING} levels of nesting are allowed")
        ) from error
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise Refused(
            Reject("wrong_type", None, f"{UNFORESEEN}: {type(error).__name__}: {error}"[:300])
        ) from error
