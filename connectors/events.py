"""The event contract: what a tracker sends, what is refused and why, what the jobs may count on. Pure.

Identity and time are checked hard, because state and watermarks hang on them. Everything else is taken as
well as it can be read: a leaf is text, or a number where the contract says so; what cannot be read counts
as absent. Properties that the contract does not know are kept.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from connectors.rejected import Reject

SCHEMA = "event/1"
EVENT_TYPES: tuple[str, ...] = (
    "page_view",
    "product_view",
    "product_click",
    "product_list_view",
    "search",
    "click",
    "scroll",
    "form_start",
    "form_submit",
    "video_start",
    "video_progress",
    "video_complete",
    "promo_view",
    "promo_click",
    "add_to_cart",
    "remove_from_cart",
    "cart_view",
    "checkout_start",
    "checkout_step",
    "purchase",
    "refund",
    "identify",
    "consent",
)
CUSTOM_PREFIX = "custom:"
# Moves event time on when a partition is quiet; accepted, never forwarded, counted nowhere.
HEARTBEAT_TYPE = "heartbeat"

REQUIRED_FIELDS = ("schema", "event_id", "event_type", "event_time_ms", "visitor_id")
EVENT_ID_MAX_LENGTH = 128  # characters
VISITOR_ID_MAX_LENGTH = 256  # characters
EVENT_TIME_MAX_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
SEQUENCE_MAX = (
    999_999  # so that time and sequence fit one 64-bit number: event_time_ms * 1,000,000 + sequence
)
FUTURE_TOLERANCE_MS = 300_000
MAX_EVENT_BYTES = 1_000_000
MAX_NESTING = 1_000  # levels of objects and arrays; what JSON readers of the JVM take at most

Document = dict[str, Any]

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class _Block:
    """A block of an event: all fields are optional, read from a JSON object as well as they can be."""

    @classmethod
    def read(cls, value: object) -> Self | None:
        """The block, or None when the value is not an object."""
        if not isinstance(value, dict):
            return None
        types = {item.name: item.type for item in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: _leaf(value.get(name), str(kind)) for name, kind in types.items()})


@dataclass(frozen=True)
class Context(_Block):
    """Where and how the visitor came."""

    device: str | None = None
    os: str | None = None
    browser: str | None = None
    country: str | None = None
    language: str | None = None
    channel: str | None = None
    referrer: str | None = None
    url: str | None = None
    path: str | None = None
    consent: str | None = None


@dataclass(frozen=True)
class Product(_Block):
    """The product that the event is about; price per piece."""

    product_id: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    quantity: int | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Order(_Block):
    """The order of a purchase or refund; several events may name the same one."""

    order_id: str | None = None
    revenue: float | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Source(_Block):
    """Where the event was read."""

    adapter: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True)
class Event:
    """A valid event.

    Attributes:
        event_id: unique per event, 1 to 128 characters.
        event_type: one of EVENT_TYPES, ``custom:<name>`` or HEARTBEAT_TYPE.
        event_time_ms: epoch milliseconds, UTC, after correction of the tracker's clock.
        visitor_id: the user id when known, else the anonymous id; always text, 1 to 256 characters.
        received_at_ms: epoch milliseconds at which the message came in.
        anonymous_id: the device's id.
        user_id: the known user's id.
        session_hint: the tracker's own session id; Footfall cuts its own sessions.
        sequence: order inside one millisecond of one visitor, 0 to 999,999.
        context: where and how the visitor came.
        product: what the event is about.
        order: the order of a purchase.
        source: where the event was read.
        properties: free attributes.
        document: the whole message, properties that the contract does not know included.
    """

    event_id: str
    event_type: str
    event_time_ms: int
    visitor_id: str
    received_at_ms: int | None
    anonymous_id: str | None
    user_id: str | None
    session_hint: str | None
    sequence: int
    context: Context | None
    product: Product | None
    order: Order | None
    source: Source | None
    properties: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def is_heartbeat(self) -> bool:
        """Whether the event only moves event time."""
        return self.event_type == HEARTBEAT_TYPE


def known_type(event_type: str) -> bool:
    """Whether the contract has the type.

    >>> known_type("purchase"), known_type("custom:favourite"), known_type("custom:"), known_type("buy")
    (True, True, False, False)
    """
    if event_type.startswith(CUSTOM_PREFIX):
        return len(event_type) > len(CUSTOM_PREFIX)
    return event_type in EVENT_TYPES or event_type == HEARTBEAT_TYPE


def validate_event(value: bytes | None, record_timestamp_ms: int | None = None) -> Event | Reject:
    """Judge one Kafka record: the event, or the first reason in the order of REASONS that applies.

    Args:
        value: the record's value; None is a record without one.
        record_timestamp_ms: the record's own timestamp, epoch milliseconds; None leaves out future_timestamp.

    >>> validate_event(b"[]")
    Reject(reason='not_an_object', field=None, detail='a JSON object is required, an array came')
    >>> body = b'{"schema":"event/1","event_id":"e","event_type":"search","event_time_ms":5,"visitor_id":"v"}'
    >>> event = validate_event(body)
    >>> event.event_type, event.event_time_ms, event.visitor_id
    ('search', 5, 'v')
    >>> validate_event(body.replace(b"search", b"buy")).reason
    'out_of_range'
    """
    parsed = _parse(value)
    if isinstance(parsed, Reject):
        return parsed
    for check in (_check_schema, _check_presence, _check_types, _check_ranges):
        verdict = check(parsed)
        if verdict:
            return verdict
    return _check_future(parsed, record_timestamp_ms) or _event(parsed)


def _parse(value: bytes | None) -> Document | Reject:
    if value is None:
        return Reject("not_json", None, "a JSON object is required, a record without a value came")
    if len(value) > MAX_EVENT_BYTES:
        return Reject("oversized", None, f"at most {MAX_EVENT_BYTES} bytes are allowed, {len(value)} came")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return Reject("not_utf8", None, f"UTF-8 is required, byte {error.start} is not: {error.reason}")
    return _parse_text(text)


def _parse_text(text: str) -> Document | Reject:
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        return Reject("not_json", None, f"at most {MAX_NESTING} levels of nesting are allowed, more came")
    except ValueError as error:
        return Reject("not_json", None, f"JSON (RFC 8259) is required: {error}")
    if _nesting(text) > MAX_NESTING:
        return Reject("not_json", None, f"at most {MAX_NESTING} levels of nesting are allowed, more came")
    if not isinstance(parsed, dict):
        return Reject("not_an_object", None, f"a JSON object is required, {_described(parsed)} came")
    return _without_lone_surrogates(parsed) if "\\u" in text else parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _nesting(text: str) -> int:
    """Deepest level of objects and arrays in valid JSON; 0 when there are too few brackets to matter."""
    if text.count("{") + text.count("[") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    for sign in _STRING.sub("", text):
        depth += (sign in "{[") - (sign in "}]")
        deepest = max(deepest, depth)
    return deepest


def _without_lone_surrogates(document: Document) -> Document:
    # Half of a cut emoji is legal JSON and not legal UTF-8. The JVM writes it as "?"; so does the reference.
    scrubbed: Document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    return scrubbed


def _check_schema(document: Document) -> Reject | None:
    schema = document.get("schema")
    if schema is None or schema == SCHEMA:
        return None
    return Reject("unknown_schema", "schema", f"{SCHEMA!r} is required, {_described(schema)} came")


def _check_presence(document: Document) -> Reject | None:
    for name in REQUIRED_FIELDS:
        if document.get(name) is None:
            return Reject("missing_field", name, f"{name} is required, it is absent or null")
    return None


def _check_types(document: Document) -> Reject | None:
    for name in ("event_id", "event_type", "visitor_id"):
        # A number is taken as its text: many trackers send numeric ids.
        if isinstance(document[name], (bool, list, dict)):
            return Reject("wrong_type", name, f"a string is required, {_described(document[name])} came")
    for name in ("event_time_ms", "sequence"):
        number = document.get(name)
        if number is not None and type(number) is not int:
            return Reject("wrong_type", name, f"an integer is required, {_described(number)} came")
    return None


def _check_ranges(document: Document) -> Reject | None:
    for name, longest in (("event_id", EVENT_ID_MAX_LENGTH), ("visitor_id", VISITOR_ID_MAX_LENGTH)):
        length = len(_text(document[name]))
        if not 1 <= length <= longest:
            return Reject("out_of_range", name, f"1 to {longest} characters are allowed, {length} came")
    if not known_type(_text(document["event_type"])):
        came = _text(document["event_type"])[:64]
        return Reject("out_of_range", "event_type", f"a type of the contract or custom:<name>, {came!r} came")
    for name, largest in (("event_time_ms", EVENT_TIME_MAX_MS), ("sequence", SEQUENCE_MAX)):
        number = document.get(name) or 0
        if not 0 <= number <= largest:
            return Reject("out_of_range", name, f"0 to {largest} is allowed, {str(number)[:32]} came")
    return None


def _check_future(document: Document, record_timestamp_ms: int | None) -> Reject | None:
    if record_timestamp_ms is None:
        return None
    ahead_ms = document["event_time_ms"] - record_timestamp_ms
    if ahead_ms <= FUTURE_TOLERANCE_MS:
        return None
    required = f"at most {FUTURE_TOLERANCE_MS} ms after the record's timestamp are allowed"
    return Reject("future_timestamp", "event_time_ms", f"{required}, {ahead_ms} came")


def _event(document: Document) -> Event:
    properties = document.get("properties")
    return Event(
        event_id=_text(document["event_id"]),
        event_type=_text(document["event_type"]),
        event_time_ms=document["event_time_ms"],
        visitor_id=_text(document["visitor_id"]),
        received_at_ms=_leaf(document.get("received_at_ms"), "int"),
        anonymous_id=_leaf(document.get("anonymous_id"), "str"),
        user_id=_leaf(document.get("user_id"), "str"),
        session_hint=_leaf(document.get("session_hint"), "str"),
        sequence=document.get("sequence") or 0,
        context=Context.read(document.get("context")),
        product=Product.read(document.get("product")),
        order=Order.read(document.get("order")),
        source=Source.read(document.get("source")),
        properties=properties if isinstance(properties, dict) else {},
        document=document,
    )


def _leaf(value: object, kind: str) -> Any:
    """A leaf as text or number; None when there is none or it cannot be read as the kind says."""
    if value is None:
        return None
    return _number(_text(value), kind) if kind.startswith(("int", "float")) else _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(text: str, kind: str) -> int | float | None:
    try:
        number = int(text) if kind.startswith("int") else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _described(value: object) -> str:
    """A JSON value in a few words, short whatever came."""
    if isinstance(value, (list, dict)):
        return "an object" if isinstance(value, dict) else "an array"
    return f"{type(value).__name__} {value!r:.64}" if value is not None else "null"
