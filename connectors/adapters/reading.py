"""Reads foreign values: numbers, ids, times of every usual spelling, clocks that are wrong. Pure.

Time zones: a text with an offset is that instant, a text without one is UTC, a number has no zone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connectors.events import EVENT_TIME_MAX_MS
from connectors.messages import described
from connectors.rejected import Reject

EARLIEST_MS = 631_152_000_000  # 1990-01-01: no web before; seconds taken for milliseconds fall before it
_ID_MAX_DIGITS = 40


class Refused(Exception):
    """A value that decides about the event cannot be read; carries the verdict."""

    def __init__(self, verdict: Reject) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


def identifier(value: object, field: str) -> str:
    """An id as text; digits are not taken for a number.

    >>> identifier("007", "userId"), identifier(7, "userId")
    ('007', '7')

    Raises:
        Refused: it is neither text nor an integer (a number of more than 64 bits is no exact integer).
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Refused(Reject("wrong_type", field, f"an id is text or an integer, {described(value)} came"))


def text(value: object, _field: str) -> str | None:
    """A leaf as text; None for what is no leaf."""
    if isinstance(value, str):
        return value
    return None if value is None or isinstance(value, (list, dict)) else _plain(value)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: object, _field: str) -> float | None:
    """A finite number, also from text; None when there is none.

    >>> number("12.0", "price"), number(19, "price"), number(True, "price"), number("x", "price")
    (12.0, 19, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(read):
        return None
    return read if isinstance(value, str) else value


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

    >>> time_text_ms("2015-12-10T04:08:31.909Z", "timestamp")
    1449720511909
    >>> time_text_ms("2015-12-10 05:08:31.909000+01:00", "timestamp")
    1449720511909

    Raises:
        Refused: no such date.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return time_ms(value, field)
    try:
        read = datetime.fromisoformat(str(value).strip() if isinstance(value, str) else "")
    except ValueError as error:
        raise Refused(
            Reject("wrong_type", field, f"a date and time (ISO 8601) is required, {described(value)} came")
        ) from error
    # Counted, not `timestamp()`: that is a float and cuts milliseconds off.
    since = (read if read.tzinfo else read.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


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
