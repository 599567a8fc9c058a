"""Mending dead letters before they are sent again: a mapping file of renames, casts and defaults.

Nothing in it is executed: paths, names of casts, and plain values.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.adapters import MAX_FOREIGN_BYTES, read
from connectors.adapters.reading import (
    Read,
    Refused,
    integer,
    number,
    text,
    time_micros,
    time_seconds,
    time_text_ms,
)
from connectors.contracts.messages import Document, parse_object
from connectors.contracts.rejected import Reject
from connectors.errors import BadInput
from connectors.wording import plainly

Cast = Literal["text", "integer", "number", "seconds", "microseconds", "iso8601"]
_CASTS: dict[Cast, Read] = {
    "text": text,
    "integer": integer,
    "number": number,
    "seconds": time_seconds,
    "microseconds": time_micros,
    "iso8601": time_text_ms,
}
_LETTER_ID = "{letter_id}"


class Fix(BaseModel):
    """What is done to an event as it came, in this order; paths are keys joined by dots.

    Attributes:
        encoding: the bytes are read in it and written as UTF-8.
        rename: old path -> new path; what is there already is not overwritten.
        cast: path -> how its value is read; a value that cannot be stays as it is.
        default: path -> value when there is none; `{letter_id}` stands for the letter's id.

    >>> fix = Fix(rename={"id": "event_id"}, cast={"event_time_ms": "seconds"}, default={"schema": "event/1"})
    >>> fix.mended(b'{"id": "e", "event_time_ms": 1700000000}', "canonical", "raw:0:7")
    b'{"event_time_ms":1700000000000,"event_id":"e","schema":"event/1"}'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    encoding: Literal["latin-1", "cp1252", "utf-16"] | None = None
    rename: dict[str, str] = Field(default_factory=dict)
    cast: dict[str, Cast] = Field(default_factory=dict)
    default: dict[str, str | int | float | bool] = Field(default_factory=dict)

    def mended(self, payload: bytes, adapter: str, letter_id: str) -> bytes:
        """The message after the fix; as it was when it is no JSON object.

        Args:
            payload: bytes of the letter.
            adapter: that has refused it; an event of a message of many is mended inside the message.
            letter_id: for defaults that name it.
        """
        if self.encoding:
            payload = payload.decode(self.encoding, "replace").encode()
        document = parse_object(payload, MAX_FOREIGN_BYTES)
        if isinstance(document, Reject):
            return payload
        for event in _events(document, payload, adapter):
            self._mend(event, letter_id)
        return orjson.dumps(document)

    def _mend(self, event: Document, letter_id: str) -> None:
        for old, new in self.rename.items():
            if (value := _get(event, old)) is not None and _get(event, new) is None:
                _set(event, new, value)
                _drop(event, old)
        for path, cast in self.cast.items():
            if (value := _cast(_get(event, path), cast, path)) is not None:
                _set(event, path, value)
        for path, value in self.default.items():
            if _get(event, path) is None:
                _set(event, path, value.replace(_LETTER_ID, letter_id) if isinstance(value, str) else value)


def load_fix(path: Path) -> Fix:
    """The mapping file, TOML.

    Raises:
        BadInput: it cannot be read, or holds what no fix has.
    """
    try:
        return Fix.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"mapping file {path} cannot be read: {plainly(error)}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"mapping file {path}, {where}: {first['msg']}", "see docs/operations/dead-letters.md"
        ) from error


def _events(document: Document, payload: bytes, adapter: str) -> list[Document]:
    try:
        _, chosen = read(payload, adapter)
        elements = chosen.elements(document)
    except Refused:
        return [document]
    return [row for row in elements.rows if isinstance(row, dict)] if elements.key else [document]


def _cast(value: object, cast: Cast, path: str) -> Any:
    try:
        return None if value is None else _CASTS[cast](value, path)
    except Refused:
        return None


def _holder(event: Document, path: str, *, make: bool) -> tuple[Document | None, str]:
    *above, key = path.split(".")
    holder: Any = event
    for step in above:
        if make and holder.get(step) is None:
            holder[step] = {}
        holder = holder.get(step)
        if not isinstance(holder, dict):
            return None, key
    return holder, key


def _get(event: Document, path: str) -> Any:
    holder, key = _holder(event, path, make=False)
    return None if holder is None else holder.get(key)


def _set(event: Document, path: str, value: object) -> None:
    holder, key = _holder(event, path, make=True)
    if holder is not None:
        holder[key] = value


def _drop(event: Document, path: str) -> None:
    holder, key = _holder(event, path, make=False)
    if holder is not None:
        holder.pop(key, None)
