"""Reads foreign values: numbers, ids, times of every usual spelling, clocks that are wrong. Pure.

Time zones: a text with an offset is that instant, a text without one is UTC, a number has no zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connectors.contracts.absent import is_absent, is_absent_id
from connectors.contracts.events import EVENT_TIME_MAX_MS, is_no_event_id
from connectors.contracts.messages import decimal_of, described, text_of
from connectors.contracts.rejected import Reject

EARLIEST_MS = 631_152_000_000  # 1990-01-01: no web before; seconds taken for milliseconds fall before it
_LARGEST = 10**300  # a double holds it
_EXACT = 2**53  # up to here it holds every whole number


class Refused(Exception):
    """A value that decides about the event cannot be read; carries the verdict."""

    def __init__(self, verdict: Reject) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


def identifier(value: object, field: str) -> str:
    """An id as text; digits are not taken for a number, a whole number is one however it is written.

    >>> identifier("007", "sku"), identifier(7, "sku"), identifier(7.0, "sku")
    ('007', '7', '7')

    Raises:
        Refused: it is neither text nor a whole number (one of more than 64 bits is no exact one).
    """
    if isinstance(value, str):
        return value
    exact = isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT
    if exact or (isinstance(value, int) and not isinstance(value, bool)):
        return text_of(value)
    raise Refused(Reject("wrong_type", field, f"an id is text or an integer, {described(value)} came"))


def person(value: object, field: str) -> str | None:
    """An id of a visitor, a user or a device; None when it is absent (connectors/contracts/absent.py).

    >>> person("u-7", "userId"), person(0, "userId"), person("undefined", "userId")
    ('u-7', None, None)

    Raises:
        Refused: it is neither text nor an integer. A fraction, even of zero, is a sign of a rounded id.
    """
    if isinstance(value, float):
        raise Refused(Reject("wrong_type", field, f"an id is text or an integer, {described(value)} came"))
    return order_identifier(value, field)


def order_identifier(value: object, field: str) -> str | None:
    """An order's id; None for what names no order.

    Raises:
        Refused: it is neither text nor a whole number.
    """
    read = identifier(value, field)
    return None if is_absent_id(read) else read


def event_identifier(value: object, field: str) -> str | None:
    """An event's id; None for a text that names no event.

    Raises:
        Refused: it is neither text nor an integer.
    """
    read = identifier(value, field)
    return None if is_no_event_id(read) else read


def text(value: object, _field: str) -> str | None:
    """A leaf as text; None for what is no leaf, and for a text that stands for no value."""
    if isinstance(value, str):
        return None if is_absent(value) else value
    return None if value is None or isinstance(value, (list, dict)) else _plain(value)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: object, _field: str) -> float | None:
    """A finite number, also from text of plain digits; None when there is none.

    >>> number("12.0", "price"), number(19, "price"), number(True, "price"), number("1.299,00", "price")
    (12.0, 19, None, None)
    """
    if isinstance(value, str):
        return decimal_of(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < _LARGEST else None


def micros(value: object, field: str) -> float | None:
    """Millionths of a currency's unit as units.

    >>> micros(16_990_000, "productPrice")
    16.99
    """
    read = number(value, field)
    return None if read is None else read / 1_000_000


def integer(value: object, field: str) -> int | None:
    """A whole number, also from text like `2.0`; None when there is none.

    >>> integer("2", "quantity"), integer("2.0", "quantity"), integer(2.5, "quantity")
    (2, 2, None)
    """
    read = number(value, field)
    return int(read) if read is not None and read == int(read) and abs(read) < 2**53 else None


def currency(value: object, field: str) -> str | None:
    """A currency's code in capitals."""
    code = text(value, field)
    return code.upper() if code else None


def time_text_ms(value: object, field: str) -> int:
    """Epoch milliseconds of an ISO 8601 text (date and time, offset or UTC), or of a number of milliseconds.

    Warehouses write UTC behind a blank; that is read too.

    >>> time_text_ms("2015-12-10T04:08:31.909Z", "timestamp")
    1449720511909
    >>> time_text_ms("2015-12-10 04:08:31.909 UTC", "timestamp")
    1449720511909
    >>> time_text_ms("2015-12-10 05:08:31.909000 +0100", "timestamp")
    1449720511909

    Raises:
        Refused: no such date.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and _MILLISECONDS.fullmatch(value)):
        return time_ms(value, field)
    try:
        read = datetime.fromisoformat(_with_offset(value) if isinstance(value, str) else "")
    except ValueError as error:
        raise Refused(
            Reject("wrong_type", field, f"a date and time (ISO 8601) is required, {described(value)} came")
        ) from error
    # Counted, not `timestamp()`: that is a float and cuts milliseconds off.
    since = (read if read.tzinfo else read.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def _with_offset(written: str) -> str:
    written = written.strip()
    if (zone := _ZONE.search(written)) is None:
        return written
    return written[: zone.start()] + (zone[1] or "+00:00")


_MILLISECONDS = re.compile("[0-9]{13}")
_ZONE = re.compile(r"(?i:\s*(?:UTC|GMT)|\s+Z|\s+([+-]\d\d(?::?\d\d)?))$")


def helping_time_ms(value: object, field: str) -> int | None:
    """As `time_text_ms`; None for what is none: a time that only helps is no reason to lose an event.

    >>> helping_time_ms("Invalid Date", "sentAt") is None
    True
    """
    try:
        return time_text_ms(value, field)
    except Refused:
        return None


def receipt_ms(value: object, field: str) -> int | None:
    """When a server says that it came in; None for what cannot be such a time."""
    read = helping_time_ms(value, field)
    return read if read is not None and EARLIEST_MS <= read <= EVENT_TIME_MAX_MS else None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_ms(value: object, field: str) -> int:
    """Epoch milliseconds as a number or as its digits.

    >>> time_ms("1659304800025", "ts")
    1659304800025

    Raises:
        Refused: no whole number.
    """
    return _whole(value, field, "milliseconds")


def time_seconds(value: object, field: str) -> int:
    """Epoch seconds, as milliseconds.

    Raises:
        Refused: no whole number.
    """
    return _whole(value, field, "seconds") * 1_000


def time_micros(value: object, field: str) -> int:
    """Epoch microseconds, as milliseconds.

    Raises:
        Refused: no whole number.
    """
    return _whole(value, field, "microseconds") // 1_000


def _whole(value: object, field: str, unit: str) -> int:
    read = integer(value, field)
    if read is None:
        raise Refused(
            Reject("wrong_type", field, f"epoch {unit} as an integer are required, {described(value)} came")
        )
    return read


def possible(milliseconds: int, field: str) -> int:
    """The time, after correction.

    Raises:
        Refused: a date that cannot be.
    """
    if EARLIEST_MS <= milliseconds <= EVENT_TIME_MAX_MS:
        return milliseconds
    allowed = f"a time from 1990 to 2100 is required, {str(milliseconds)[:32]} ms since 1970 came"
    raise Refused(Reject("out_of_range", field, allowed))


def corrected(event_ms: int, sent_ms: int | None, received_ms: int | None) -> int:
    """When it happened by the receiver's clock: received - (sent - event), as device clocks are wrong.

    Event and sending are by the same clock, so their difference is right even when both are not. Without
    both other times there is nothing to correct by. What claims to have happened after it was sent, happened
    when it was sent.

    >>> corrected(event_ms=5_000, sent_ms=9_000, received_ms=1_700_000_000_000)
    1699999996000
    >>> corrected(5_000, None, 9_000), corrected(5_000, 4_000, 9_000)
    (5000, 9000)
    """
    if sent_ms is None or received_ms is None:
        return event_ms
    return received_ms - max(0, sent_ms - event_ms)


Read = Callable[[object, str], Any]
