"""The event contract: what a tracker sends, what is refused and why, what the jobs may count on. Pure.

Identity and time are checked hard, because state and watermarks hang on them. Everything else is taken as
well as it can be read: a leaf is text, or a number where the contract says so; what cannot be read, and a
text that stands for no value (absent.py), counts as absent. Properties that the contract does not
know are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contracts.absent import is_absent, is_absent_id
from connectors.contracts.blocks import Context, Order, Product, Source, documented, leaf_of
from connectors.contracts.messages import (
    TOO_DEEP,
    Document,
    described,
    integer_of,
    parse_object,
    text_of,
)
from connectors.contracts.rejected import Reject
from connectors.contracts.vocabulary import CUSTOM_PREFIX, HEARTBEAT_TYPE, known_type

SCHEMA = "event/1"
REQUIRED_FIELDS = ("schema", "event_id", "event_type", "event_time_ms")
VISITOR_FIELDS = ("visitor_id", "user_id", "anonymous_id")  # the first that is there says whose it is
EVENT_ID_MAX_LENGTH = 128  # characters
VISITOR_ID_MAX_LENGTH = 256  # characters
EVENT_TIME_MAX_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
NUMBER_ID_LIMIT = 1e100  # a number as large is no id
SEQUENCE_MAX = 2**53 - 1  # the last whole number that JSON readers everywhere take as it is
FUTURE_TOLERANCE_MS = 300_000


@dataclass(frozen=True)
class Event:
    """A valid event; schema and page say of a member what stands beside it here.

    Attributes:
        visitor_id: of a message without one it is the user_id, else the anonymous_id.
        document: the whole message, properties that the contract does not know included.
    """

    event_id: str = field(
        metadata=documented(
            "Unique per event; a second event of the same device with the same id is a duplicate."
        )
    )
    event_type: str = field(
        metadata=documented(
            f"A type of the contract, `{CUSTOM_PREFIX}<name>`, or `{HEARTBEAT_TYPE}`, which only moves event "
            "time."
        )
    )
    event_time_ms: int = field(
        metadata=documented(
            "When it happened, after correction of the tracker's clock. Epoch milliseconds, UTC."
        )
    )
    visitor_id: str = field(
        metadata=documented(
            "The user id when known, else the anonymous id. Always text, even when it looks like a number. "
            "Without it the event is that of `user_id`, else of `anonymous_id`; one of the three must be "
            "there."
        )
    )
    received_at_ms: int | None = field(
        metadata=documented("When the message came in. Epoch milliseconds, UTC.")
    )
    anonymous_id: str | None = field(metadata=documented("The device's id."))
    user_id: str | None = field(metadata=documented("The known user's id."))
    session_hint: str | None = field(metadata=documented("The tracker's own session id."))
    sequence: int = field(metadata=documented("Order inside one millisecond of one visitor."))
    context: Context | None = field(metadata=documented("Where and how the visitor came."))
    product: Product | None = field(metadata=documented("The product that the event is about."))
    order: Order | None = field(metadata=documented("The order of a purchase or refund."))
    source: Source | None = field(metadata=documented("Where the event was read."))
    properties: Mapping[str, Any] = field(metadata=documented("Free attributes."))
    document: Mapping[str, Any]

    @property
    def is_heartbeat(self) -> bool:
        """Whether the event only moves event time."""
        return self.event_type == HEARTBEAT_TYPE


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
    parsed = parse_object(value)
    if isinstance(parsed, Reject):
        return parsed
    try:
        return check_document(parsed, record_timestamp_ms) or _event(parsed)
    except RecursionError:  # Python's reader comes a little deeper than its writer
        return TOO_DEEP


def check_document(document: Document, record_timestamp_ms: int | None = None) -> Reject | None:
    """Judge a JSON object that was parsed elsewhere: the first reason that applies, None for a valid event.

    >>> check_document({"schema": "event/2"}).reason
    'unknown_schema'
    """
    for check in (_check_schema, _check_presence, _check_types, _check_ranges):
        if verdict := check(document):
            return verdict
    return _check_future(document, record_timestamp_ms)


def _check_schema(document: Document) -> Reject | None:
    schema = document.get("schema")
    if schema is None or schema == SCHEMA:
        return None
    return Reject("unknown_schema", "schema", f"{SCHEMA!r} is required, {described(schema)} came")


def _check_presence(document: Document) -> Reject | None:
    for name in REQUIRED_FIELDS:
        if (value := document.get(name)) is None or (name == "event_id" and is_no_event_id(value)):
            return Reject("missing_field", name, f"{name} is required, it is {_absent_as(value)}")
    if visitor_of(document) is None and document.get("visitor_id") != "":
        came = _absent_as(document.get("visitor_id"))
        required = f"one of {', '.join(VISITOR_FIELDS)} is required"
        return Reject(
            "missing_field", "visitor_id", f"{required}, visitor_id is {came} and no other is there"
        )
    return None


def is_no_event_id(value: object) -> bool:
    """Whether it is a text that names no event; an empty one is out of range.

    >>> is_no_event_id("undefined"), is_no_event_id("e-1"), is_no_event_id("0"), is_no_event_id("")
    (True, False, False, False)
    """
    return isinstance(value, str) and value != "" and (is_absent(value) or value in NIL_IDS)


def is_no_id(value: object) -> bool:
    """Whether a value can be no id, whatever it holds: an object, an array, a boolean, a huge number.

    >>> is_no_id({}), is_no_id(True), is_no_id(1e100), is_no_id(7), is_no_id("true")
    (True, True, True, False, False)
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return not -NUMBER_ID_LIMIT < value < NUMBER_ID_LIMIT
    return isinstance(value, (bool, list, dict))


NIL_IDS = ("00000000-0000-0000-0000-000000000000", "0" * 32)


def visitor_of(document: Document) -> object:
    """The id of the message's visitor: the first of VISITOR_FIELDS with a value; None without any.

    >>> visitor_of({"visitor_id": "undefined", "user_id": None, "anonymous_id": "a-1"})
    'a-1'
    """
    given = document.get("visitor_id")
    if is_no_id(given) or (given is not None and not is_absent_id(text_of(given))):
        return given  # even what is no id: it is refused, not passed over
    people = [one for name in ("user_id", "anonymous_id") if (one := _person(document.get(name)))]
    # One that is too long is refused as such where there is no other.
    return next((one for one in people if len(one) <= VISITOR_ID_MAX_LENGTH), people[0] if people else None)


def _person(value: object) -> str | None:
    """An id as text; None for an absent one, and for what is no id."""
    if value is None or is_no_id(value):
        return None
    text = text_of(value)
    return None if is_absent_id(text) else text


def _absent_as(value: object) -> str:
    return "absent or null" if value is None else f"{described(value)}, which stands for no value"


def _check_types(document: Document) -> Reject | None:
    for name in ("event_id", "event_type", "visitor_id"):
        # A number is taken as its text, digits are taken as a number: many trackers confuse the two.
        if is_no_id(document.get(name)):
            return Reject("wrong_type", name, f"a string is required, {described(document[name])} came")
    for name in ("event_time_ms", "sequence"):
        if document.get(name) is not None and integer_of(document[name]) is None:
            return Reject("wrong_type", name, f"an integer is required, {described(document[name])} came")
    return None


def _check_ranges(document: Document) -> Reject | None:
    named = {"event_id": EVENT_ID_MAX_LENGTH, "visitor_id": VISITOR_ID_MAX_LENGTH}
    for (name, longest), value in zip(
        named.items(), (document["event_id"], visitor_of(document)), strict=True
    ):
        length = 0 if value is None else len(text_of(value))
        if not 1 <= length <= longest:
            return Reject("out_of_range", name, f"1 to {longest} characters are allowed, {length} came")
    if not known_type(text_of(document["event_type"])):
        came = text_of(document["event_type"])[:64]
        return Reject("out_of_range", "event_type", f"a type of the contract or custom:<name>, {came!r} came")
    for name, largest in (("event_time_ms", EVENT_TIME_MAX_MS), ("sequence", SEQUENCE_MAX)):
        number = integer_of(document.get(name)) or 0
        if not 0 <= number <= largest:
            return Reject("out_of_range", name, f"0 to {largest} is allowed, {str(number)[:32]} came")
    return None


def _check_future(document: Document, record_timestamp_ms: int | None) -> Reject | None:
    if record_timestamp_ms is None:
        return None
    ahead_ms = (integer_of(document["event_time_ms"]) or 0) - record_timestamp_ms
    if ahead_ms <= FUTURE_TOLERANCE_MS:
        return None
    required = f"at most {FUTURE_TOLERANCE_MS} ms after the record's timestamp are allowed"
    return Reject("future_timestamp", "event_time_ms", f"{required}, {ahead_ms} came")


def _event(document: Document) -> Event:
    properties = document.get("properties")
    return Event(
        event_id=text_of(document["event_id"]),
        event_type=text_of(document["event_type"]),
        event_time_ms=integer_of(document["event_time_ms"]) or 0,
        visitor_id=text_of(visitor_of(document)),
        received_at_ms=integer_of(document.get("received_at_ms")),
        anonymous_id=_person(document.get("anonymous_id")),
        user_id=_person(document.get("user_id")),
        session_hint=leaf_of(document.get("session_hint"), "str", "session_hint"),
        sequence=integer_of(document.get("sequence")) or 0,
        context=Context.read(document.get("context")),
        product=Product.read(document.get("product")),
        order=Order.read(document.get("order")),
        source=Source.read(document.get("source")),
        properties=properties if isinstance(properties, dict) else {},
        document=document,
    )
