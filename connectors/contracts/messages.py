"""One record's value: bytes that should be a JSON object, and its leaves as text or numbers. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from connectors.contracts.rejected import Reject

MAX_EVENT_BYTES = 1_000_000
MAX_NESTING = 1_000  # levels of objects and arrays; what JSON readers of the JVM take at most

TOO_DEEP = Reject("not_json", None, f"at most {MAX_NESTING} levels of nesting are allowed, more came")

Document = dict[str, Any]

_DIGITS = re.compile("-?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_EXACT = 2**53  # up to here a double holds every whole number
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def parse_object(value: bytes | None, max_bytes: int = MAX_EVENT_BYTES) -> Document | Reject:
    """The JSON object in a record's value, or why there is none.

    Half of a surrogate pair is legal JSON and not legal UTF-8; it comes back as ``?``, as the JVM writes it.

    >>> parse_object(b'{"a": 1}')
    {'a': 1}
    >>> parse_object(b'{"a": NaN}').detail
    'JSON (RFC 8259) is required: NaN is not JSON'
    """
    if value is None:
        return Reject("not_json", None, "a JSON object is required, a record without a value came")
    if len(value) > max_bytes:
        return Reject("oversized", None, f"at most {max_bytes} bytes are allowed, {len(value)} came")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return Reject("not_utf8", None, f"UTF-8 is required, byte {error.start} is not: {error.reason}")
    return _parse_text(text)


def _parse_text(text: str) -> Document | Reject:
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
        if _nesting(text) > MAX_NESTING:
            return TOO_DEEP
        if not isinstance(parsed, dict):
            return Reject("not_an_object", None, f"a JSON object is required, {described(parsed)} came")
        return _without_lone_surrogates(parsed) if "\\u" in text else parsed
    except RecursionError:
        return TOO_DEEP
    except ValueError as error:
        return Reject("not_json", None, f"JSON (RFC 8259) is required: {error}")


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
    scrubbed: Document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    return scrubbed


def read_written(text: bytes | str) -> Any:
    """A JSON document that a job wrote, as deep and with numbers as large as its event had them.

    >>> read_written(b'{"a":1e400}')
    {'a': inf}
    """
    try:
        return orjson.loads(text)  # takes what nests too deep for the other one
    except orjson.JSONDecodeError:
        return json.loads(text)  # takes half a surrogate pair, and numbers that no double holds


def text_of(value: object) -> str:
    """A JSON value as text: strings as they are, everything else as it is written in JSON.

    A whole number is one number, however it is written: many programs write 2 as 2.0.

    >>> text_of("a"), text_of(7), text_of(7.0), text_of(7.5), text_of(True)
    ('a', '7', '7', '7.5', 'true')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def integer_of(value: object) -> int | None:
    """A whole number, or up to 18 digits of text, as a number; None for everything else.

    As in JSON Schema a number with a fraction of zero is whole.

    >>> [integer_of(value) for value in (5, "5", 5.0, 1.7e12, 5.5, "5.0", True, None)]
    [5, 5, 5, 1700000000000, None, None, None, None]
    """
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e18 else None
    digits = value if isinstance(value, str) else str(value)
    return int(digits) if _DIGITS.fullmatch(digits) else None


def decimal_of(text: str) -> float | None:
    """A finite number in plain digits, blanks around it or not; None for text that is none.

    >>> [decimal_of(text) for text in ("12.5", " 60 ", "-1e3", ".5", "1_299", "1,5", "60d", "0x10", "NaN")]
    [12.5, 60.0, -1000.0, 0.5, None, None, None, None, None]
    """
    digits = text.strip()
    if not _DECIMAL.fullmatch(digits):
        return None
    number = float(digits)
    return number if math.isfinite(number) else None


def described(value: object) -> str:
    """A JSON value in a few words, short whatever came."""
    if isinstance(value, (list, dict)):
        return "an object" if isinstance(value, dict) else "an array"
    return f"{type(value).__name__} {value!r:.64}" if value is not None else "null"
