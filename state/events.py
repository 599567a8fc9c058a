"""The event as the engine sees it: what everybody needs as members, the rest as the text that came.

A block (context, product, order, properties) stays JSON text until it is read; so it costs nothing
without a reader, and what a document shows of it is what came, to the last digit.
"""

from __future__ import annotations

import json
from dataclasses import fields
from sys import float_info
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from connectors.contracts.absent import is_absent, is_absent_id
from connectors.contracts.blocks import ID_LEAVES, Context
from connectors.contracts.events import (
    EVENT_ID_MAX_LENGTH,
    EVENT_TIME_MAX_MS,
    FUTURE_TOLERANCE_MS,
    SCHEMA,
    SEQUENCE_MAX,
    VISITOR_ID_MAX_LENGTH,
    is_no_event_id,
    validate_event,
)
from connectors.contracts.events import Event as ContractEvent
from connectors.contracts.messages import TOO_DEEP, decimal_of, integer_of, text_of
from connectors.contracts.rejected import Reject
from state.vocabulary import kind_of

Block = dict[str, Any]
_EMPTY: Block = {}  # blocks are never written to
CONTEXT_NAMES = tuple(leaf.name for leaf in fields(Context))
_SMALL = 2_000  # bytes: neither too large nor nested too deep, whatever is in it
_MOST = float_info.max
_LARGE = 10**18  # of a whole number, the first that is none any more
_KEPT = 2_000  # bytes of a context that is remembered as it came
_KEPT_TEXT = 200  # characters of a text of one that is larger


class _BlockOf:
    """A block of an event as a dict, read when it is first asked for; empty where there is none."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.source = name, f"{name}_json"

    def __get__(self, event: Event, owner: type) -> Block:
        block = read_block(getattr(event, self.source))
        event.__dict__[self.name] = block
        return block


class Event(Struct, array_like=True, dict=True):
    """A valid event.

    Attributes:
        event_id, event_type, event_time_ms, visitor_id, …: as in connectors/contracts/events.py.
        kind: number of the type (state/vocabulary.py); custom types share one.
        context_json, …: the block as JSON text; empty where it is absent or no object.
        context, product, order, properties: the same as dicts, to be read with `text_in` and the like.
    """

    event_id: str
    kind: int
    event_type: str
    event_time_ms: int
    visitor_id: str
    received_at_ms: int | None = None
    anonymous_id: str | None = None
    user_id: str | None = None
    session_hint: str | None = None
    sequence: int = 0
    context_json: bytes = b""
    product_json: bytes = b""
    order_json: bytes = b""
    properties_json: bytes = b""

    context = _BlockOf()
    product = _BlockOf()
    order = _BlockOf()
    properties = _BlockOf()

    @property
    def at(self) -> int:
        """Event time, epoch milliseconds."""
        return self.event_time_ms

    @property
    def kept_context(self) -> bytes:
        """The context as it may be remembered: as it came; of a large one the beginnings of its texts."""
        text = self.context_json
        return text if len(text) <= _KEPT else _shortened(self.context)


_Id = str | Annotated[int, Meta(gt=-_LARGE, lt=_LARGE)]  # of a larger number the contract has the word


class _Message(Struct):
    """What the engine reads of a message; wide enough for the usual confusions of numbers and text."""

    schema: str
    event_id: _Id
    event_type: str
    event_time_ms: int | float | str
    visitor_id: _Id | None = None
    received_at_ms: int | float | str | None = None
    anonymous_id: _Id | None = None
    user_id: _Id | None = None
    session_hint: str | int | None = None
    sequence: int | float | str | None = None
    context: Raw = Raw()
    product: Raw = Raw()
    order: Raw = Raw()
    properties: Raw = Raw()


class _Blocks(Struct):
    """The blocks of a message alone."""

    context: Raw = Raw()
    product: Raw = Raw()
    order: Raw = Raw()
    properties: Raw = Raw()


_decode = msgspec.json.Decoder(_Message).decode
_decode_blocks = msgspec.json.Decoder(_Blocks).decode
_decode_block = msgspec.json.Decoder(Block).decode


def read_event(value: bytes | None, record_ms: int | None = None) -> Event | Reject:
    """The event in a message, or the first reason for which the contract refuses it.

    Args:
        value: the message; None is a record without a value.
        record_ms: the record's own timestamp, epoch milliseconds; None leaves out future_timestamp.

    >>> body = b'{"schema":"event/1","event_id":7,"event_type":"search","event_time_ms":5,"visitor_id":"v"}'
    >>> read_event(body).event_id, read_event(body.replace(b"search", b"buy")).reason
    ('7', 'out_of_range')
    """
    if value is None or len(value) > _SMALL:
        return _read_by_contract(value, record_ms)
    try:
        message = _decode(value)
        if not value.isascii():
            value.decode()  # msgspec looks only at the text that it reads
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_by_contract(value, record_ms)
    return _checked(message, record_ms) or _read_by_contract(value, record_ms)


def _checked(message: _Message, record_ms: int | None) -> Event | None:
    """The event; None where the contract has to be asked."""
    kind, event_id, at = kind_of(message.event_type), str(message.event_id), _whole(message.event_time_ms)
    sequence = 0 if message.sequence is None else _whole(message.sequence)
    user_id, anonymous_id = _person(message.user_id), _person(message.anonymous_id)
    visitor_id = _person(message.visitor_id) or user_id or anonymous_id
    if (
        kind is None
        or message.schema != SCHEMA
        or at is None
        or sequence is None
        or visitor_id is None
        or len(visitor_id) > VISITOR_ID_MAX_LENGTH
        or not 0 < len(event_id) <= EVENT_ID_MAX_LENGTH
        or is_no_event_id(event_id)
        or not 0 <= at <= EVENT_TIME_MAX_MS
        or not 0 <= sequence <= SEQUENCE_MAX
        or (record_ms is not None and at - record_ms > FUTURE_TOLERANCE_MS)
    ):
        return None
    hint, context, product = message.session_hint, message.context, message.product
    order, properties = message.order, message.properties
    return Event(
        event_id,
        kind,
        message.event_type,
        at,
        visitor_id,
        _whole(message.received_at_ms),
        anonymous_id,
        user_id,
        None if hint is None or is_absent(str(hint)) else str(hint),
        sequence,
        _object(context) if context else b"",
        _object(product) if product else b"",
        _object(order) if order else b"",
        _object(properties) if properties else b"",
    )


def _whole(value: int | float | str | None) -> int | None:
    return value if isinstance(value, int) and -_LARGE < value < _LARGE else integer_of(value)


def _person(value: str | int | None) -> str | None:
    """An id as text; None for an absent one."""
    if value is None:
        return None
    text = str(value)
    return None if is_absent_id(text) else text


def _object(raw: Raw) -> bytes:
    """The text of a block; empty for what is no object."""
    text = bytes(raw)
    return text if text.startswith(b"{") else b""


def _read_by_contract(value: bytes | None, record_ms: int | None) -> Event | Reject:
    found = validate_event(value, record_ms)
    if isinstance(found, Reject) or value is None:
        return found if isinstance(found, Reject) else TOO_DEEP
    try:
        blocks = _blocks_of(value, found)
    except RecursionError:
        return TOO_DEEP
    kind = kind_of(found.event_type)
    assert kind is not None, "the contract knows the type"  # noqa: S101 - for the type checker
    return Event(
        found.event_id,
        kind,
        found.event_type,
        found.event_time_ms,
        found.visitor_id,
        found.received_at_ms,
        found.anonymous_id,
        found.user_id,
        found.session_hint,
        found.sequence,
        *blocks,
    )


_BLOCKS = ("context", "product", "order", "properties")


def _blocks_of(value: bytes, found: ContractEvent) -> list[bytes]:
    """The blocks as they came; where they hold half of a surrogate pair, as the contract reads them."""
    try:
        blocks = _decode_blocks(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        known = {name: found.document.get(name) for name in _BLOCKS}
        return [msgspec.json.encode(block) if isinstance(block, dict) else b"" for block in known.values()]
    return [_object(getattr(blocks, name)) for name in _BLOCKS]


def read_block(text: bytes) -> Block:
    """A block as a dict; empty where there is none.

    >>> read_block(b'{"price":1e400}'), read_block(b"")
    ({'price': inf}, {})
    """
    if not text:
        return _EMPTY
    try:
        return _decode_block(text)
    except msgspec.MsgspecError:  # a number that no double holds
        found: Block = json.loads(text)
        return found


def text_in(block: Block, name: str) -> str | None:
    """A member as text, whatever it came as; None where it is absent or stands for no value.

    >>> [text_in({"os": value}, "os") for value in ("iOS", 7, "(not set)", None)]
    ['iOS', '7', None, None]
    """
    value = block.get(name)
    if value is None:
        return None
    text = value if isinstance(value, str) else text_of(value)
    return None if (is_absent_id(text) if name in ID_LEAVES else is_absent(text)) else text


def number_in(block: Block, name: str) -> float | None:
    """A member as a finite number; None where it is absent or cannot be read as one.

    >>> [number_in({"price": price}, "price") for price in (7, "7.5", "x", None)]
    [7.0, 7.5, None, None]
    """
    value = block.get(name)
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    if isinstance(value, str):
        return decimal_of(value)
    return float(value) if -_MOST <= value <= _MOST else None


def integer_in(block: Block, name: str) -> int | None:
    """A member as a whole number; None where it is absent or cannot be read as one."""
    return integer_of(block.get(name))


def _shortened(context: Block) -> bytes:
    texts = {name: text_in(context, name) for name in CONTEXT_NAMES}
    return msgspec.json.encode({name: text[:_KEPT_TEXT] for name, text in texts.items() if text is not None})
