"""Times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from connectors.errors import SettingError
from state.rules.language.spans import UNITS_MS

_SPAN = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def utc(milliseconds: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time as commands show it.

    >>> utc(1_470_000_000_000)
    '2016-07-31 21:20:00'
    """
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime(form)


def stamp(milliseconds: int) -> str:
    """A time to the minute, in one word.

    >>> stamp(1_470_000_000_000)
    '2016-07-31T21:20Z'
    """
    return utc(milliseconds, "%Y-%m-%dT%H:%MZ")


def since_ms(text: str, now: datetime) -> int:
    """Epoch milliseconds of a span before now, or of a time; a time without a zone is UTC.

    >>> since_ms("2h", datetime(2024, 1, 1, 2, tzinfo=UTC)) == since_ms("2024-01-01", datetime.now(UTC))
    True

    Raises:
        SettingError: the text is neither.
    """
    if before := _SPAN.fullmatch(text):
        return int((now - timedelta(**{_UNITS[before[2]]: int(before[1])})).timestamp() * 1000)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingError(
            f"--since takes 90s, 15m, 2h, 7d or an ISO 8601 time like 2024-01-31T12:00; got {text!r}"
        ) from error
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def span(span_ms: int, units: int | None = None) -> str:
    """A span of time in the units that rules are written in.

    Args:
        span_ms: milliseconds.
        units: no more than so many, the largest; None is as many as it takes.

    >>> span(174_600_000), span(1_500), span(90_061_001, 2), span(0)
    ('2 d 30 min', '1 s 500 ms', '1 d 1 h', '0 s')
    """
    parts, rest = [], span_ms
    for unit, ms in sorted(UNITS_MS.items(), key=lambda item: -item[1]):
        number, rest = divmod(rest, ms)
        parts += [f"{number} {unit}"] if number else []
    return " ".join(parts[:units]) or "0 s"
