"""The only way by which a value of a rule gets into SQL."""

from __future__ import annotations

import math

Scalar = str | int | float


def literal(value: Scalar) -> str:
    """The value as a SQL literal; text is quoted, numbers keep their type.

    >>> literal("it's"), literal(4), literal(59.9), literal(1e-7)
    ("'it''s'", '4', '59.9E0', '1e-07')

    Raises:
        ValueError: neither text nor a finite number, or text that SQL cannot hold.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError(f"text must not hold the character 0; got {value!r}")
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a value must be text or a number; got {value!r}")
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"a number must be finite; got {value!r}")
    text = repr(value)
    return text if "e" in text else f"{text}E0"


def bigint(value: int) -> str:
    """A whole number as SQL's BIGINT, whatever its size.

    >>> bigint(4)
    'CAST(4 AS BIGINT)'
    """
    return f"CAST({literal(value)} AS BIGINT)"


def interval(milliseconds: int) -> str:
    """A span as SQL's INTERVAL.

    >>> interval(90_061_001)
    "INTERVAL '1 01:01:01.001' DAY(3) TO SECOND(3)"

    Raises:
        ValueError: more than 999 days.
    """
    seconds, rest = divmod(milliseconds, 1_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    if not 0 <= day <= 999:
        raise ValueError(f"an interval is at most 999 days; got {milliseconds} ms")
    return f"INTERVAL '{day} {hour:02}:{minute:02}:{second:02}.{rest:03}' DAY(3) TO SECOND(3)"
