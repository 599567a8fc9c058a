"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


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
