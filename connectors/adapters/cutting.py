"""One element of a message cut out of its bytes: everything around its array stays as it came. Pure."""

from __future__ import annotations

import json
from json.decoder import scanstring  # type: ignore[attr-defined]

_SPACE = " \t\n\r"
_DECODER = json.JSONDecoder()


class Cutter:
    """Cuts the messages of single elements out of a message with an array.

    >>> cutter = Cutter(b'{"sent": 1, "batch": [{"a":1.0}, 2, {"b":3}], "z": 0}', "batch")
    >>> cutter.only(0)
    b'{"sent": 1, "batch": [{"a":1.0}], "z": 0}'
    >>> cutter.only(2)
    b'{"sent": 1, "batch": [{"b":3}], "z": 0}'
    """

    def __init__(self, payload: bytes, key: str | None) -> None:
        self._payload, self._key = payload, key
        self._text = ""
        self._bounds: list[tuple[int, int]] | None = None

    def only(self, index: int) -> bytes:
        """The message with no other element than this; the whole message when it cannot be cut."""
        if self._key is None:
            return self._payload
        if self._bounds is None:
            self._find()
        bounds = self._bounds or []
        if index >= len(bounds) or len(bounds) == 1:
            return self._payload
        (start, end), first, last = bounds[index], bounds[0][0], bounds[-1][1]
        return (self._text[:first] + self._text[start:end] + self._text[last:]).encode()

    def _find(self) -> None:
        try:
            self._text = self._payload.decode()
            self._bounds = _bounds(self._text, self._key or "")
        except (ValueError, RecursionError, IndexError):
            self._bounds = []


def _bounds(text: str, wanted: str) -> list[tuple[int, int]]:
    """Start and end of each element of the top-level array; of equal keys the last, as JSON readers do."""
    found: list[tuple[int, int]] = []
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        key, at = scanstring(text, at + 1)
        at = _skip(text, _skip(text, at) + 1)
        start = at
        _, at = _DECODER.raw_decode(text, at)
        if key == wanted:
            found = _elements(text, start) if text[start] == "[" else []
        at = _skip(text, at)
        at = _skip(text, at + 1) if text[at] == "," else at
    return found


def _elements(text: str, at: int) -> list[tuple[int, int]]:
    found = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        found.append((at, end))
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
