"""Decodes messages of a contract: whole numbers as JSON Schema has them, 2.0 and 1.7e12 included. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from connectors.contracts.messages import integer_of

# What a decoder raises for a message that is none of its contract.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_Kind = TypeVar("_Kind", bound=Struct)


def decoder(kind: type[_Kind]) -> Callable[[bytes], _Kind]:
    """A function that decodes messages of this kind, and raises one of UNREADABLE for any other.

    >>> class Version(Struct):
    ...     version: int
    >>> read = decoder(Version)
    >>> read(b'{"version": 2}'), read(b'{"version": 1.7e12}')
    (Version(version=2), Version(version=1700000000000))
    >>> read(b'{"version": "2"}')
    Traceback (most recent call last):
    msgspec.ValidationError: Expected `int`, got `str` - at `$.version`
    """
    decode = msgspec.json.Decoder(kind).decode
    names = [field.encode_name for field in structs.fields(kind) if _is_whole(field.type)]

    def read(value: bytes) -> _Kind:
        try:
            return decode(value)
        except msgspec.ValidationError:
            # Seldom: our own jobs write 2.
            document = msgspec.json.decode(value)
            whole = _whole_floats(document, names) if isinstance(document, dict) else {}
            if not whole:
                raise
            return decode(msgspec.json.encode({**document, **whole}))

    return read


def _is_whole(kind: Any) -> bool:
    return isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.IntType)


def _whole_floats(document: dict[str, Any], names: list[str]) -> dict[str, int]:
    found = {name: integer_of(one) for name in names if isinstance(one := document.get(name), float)}
    return {name: one for name, one in found.items() if one is not None}
