"""Spans of time as people write them: a number and its unit, always."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN = re.compile(r"(\d{1,9}) ?(ms|s|min|h|d)")
PATTERN = f"^{_SPAN.pattern}$"


def milliseconds(text: object) -> int:
    """A span in milliseconds.

    >>> milliseconds("10 min"), milliseconds("7d")
    (600000, 604800000)

    Raises:
        ValueError: no span, or one without a unit.
    """
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(
            f"a span of time is a whole number and its unit ({', '.join(UNITS_MS)}); got {text!r}"
        )
    if not int(found[1]):
        raise ValueError(f"a span of time must be longer than nothing; got {text!r}")
    return int(found[1]) * UNITS_MS[found[2]]


def text_of(span_ms: int) -> str:
    """The span with the largest unit that leaves a whole number.

    >>> text_of(600_000), text_of(86_400_000), text_of(1_500)
    ('10 min', '1 d', '1500 ms')
    """
    unit = max((unit for unit, ms in UNITS_MS.items() if span_ms % ms == 0), key=UNITS_MS.__getitem__)
    return f"{span_ms // UNITS_MS[unit]} {unit}"


def _read(value: Any) -> int:
    return milliseconds(value)


Span = Annotated[
    int,
    BeforeValidator(_read),
    Field(gt=0),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": PATTERN,
            "description": "A whole number and its unit: 10 min, 24 h, 7 d.",
        }
    ),
]
