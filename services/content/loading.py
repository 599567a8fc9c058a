"""Reads the content of a folder; what is wrong is told with file, line, field and what was required."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.contracts import yaml_files
from connectors.contracts.yaml_files import FieldPath, line
from connectors.errors import INPUT, BadInput
from services.content.model import File, Piece, Slot, Texts, wrong_value

SHIPPED = Path(__file__).parent


class BadContent(BadInput, action="correct the lines that are named; what ran before goes on", status=INPUT):
    """A file of content is refused."""


@dataclass(frozen=True)
class Content:
    """All that may be shown.

    Attributes:
        version: hash of the files.
        slots: by name.
        pieces: by slot, in the order in which they are tried.
    """

    version: str
    slots: Mapping[str, Slot]
    pieces: Mapping[str, tuple[Piece, ...]]

    def asks_profile(self, slots: list[str], *, segments: bool = True) -> bool:
        """Whether a decision about these slots needs scores, or a segment where none is known yet."""
        conditions = (
            each for slot in slots for one in self.pieces.get(slot, ()) for each in (one.when, one.unless)
        )
        return any(one is not None and one.asks_profile(segments) for one in conditions)

    def asks_items(self, slots: list[str]) -> bool:
        """Whether one of these slots shows items."""
        return any(slot.items is not None for name in slots if (slot := self.slots.get(name)))


@dataclass(frozen=True)
class _Read:
    path: Path
    document: Any
    file: File


def load(folder: Path = SHIPPED) -> Content:
    """The content of the folder's `*.yaml`.

    Raises:
        BadContent: a file cannot be read or is wrong; the message names all that is.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise BadContent(f"{folder}: no content (*.yaml) in this folder", "name another one: content_dir")
    read, wrong = [], []
    for path in paths:
        try:
            read.append(_read(path))
        except BadInput as error:
            wrong.append(error.message)
    wrong += [] if wrong else _together(read)
    if wrong:
        raise BadContent("\n".join(wrong))
    return _content(read)


def _content(read: list[_Read]) -> Content:
    slots = {name: slot for one in read for name, slot in one.file.slots.items()}
    pieces = sorted(
        (piece for one in read for piece in one.file.content), key=lambda one: (one.priority, one.name)
    )
    by_slot = {name: tuple(one for one in pieces if one.slot == name) for name in slots}
    digest = hashlib.sha256("\n".join(one.file.model_dump_json() for one in read).encode())
    return Content(digest.hexdigest()[:12], slots, by_slot)


def _read(path: Path) -> _Read:
    document = yaml_files.read(path, "slots and content")
    return _Read(path, document, yaml_files.validated(path, document, File))


def _together(read: list[_Read]) -> Iterator[str]:
    slots: dict[str, tuple[Slot, Path]] = {}
    names: dict[str, Path] = {}
    for one in read:
        for name, slot in one.file.slots.items():
            if name in slots:
                yield line(one.path, one.document, ("slots", name), f"is in {slots[name][1].name} already")
            slots.setdefault(name, (slot, one.path))
            for field_path, problem in _wrong_texts(slot, slot.default or {}):
                yield line(one.path, one.document, ("slots", name, "default", *field_path), problem)
    for one in read:
        for number, piece in enumerate(one.file.content):
            for field_path, problem in _wrong_piece(piece, slots, names):
                yield line(one.path, one.document, ("content", number, *field_path), problem)
            names.setdefault(piece.name, one.path)


def _wrong_piece(
    piece: Piece, slots: Mapping[str, tuple[Slot, Path]], names: Mapping[str, Path]
) -> Iterator[tuple[FieldPath, str]]:
    if piece.name in names:
        yield ("name",), f"{piece.name} is in {names[piece.name].name} already; names are unique"
    if piece.slot not in slots:
        yield ("slot",), f"one of {', '.join(sorted(slots)) or 'no slots'} is required, {piece.slot!r} came"
        return
    for field_path, problem in _wrong_texts(slots[piece.slot][0], piece.texts):
        yield ("texts", *field_path), problem


def _wrong_texts(slot: Slot, texts: Texts) -> Iterator[tuple[FieldPath, str]]:
    """Every language has every field of the slot, of its kind, and no other."""
    for language, fields in texts.items():
        for name in slot.fields.keys() - fields.keys():
            yield (language,), f"field {name} is required; add it"
        for name, value in fields.items():
            if name not in slot.fields:
                yield (language, name), f"one of {', '.join(slot.fields)} is required; remove it"
            elif problem := wrong_value(slot.fields[name], value):
                yield (language, name), f"{problem}, {value!r} came"
