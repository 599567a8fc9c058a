"""Reads the content of a folder; what is wrong is told with file, line, field and what was required."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from connectors.errors import INPUT, BadInput
from services.content.model import File, Piece, Slot, Texts, wrong_value

SHIPPED = Path(__file__).parent
_MOST_BYTES = 1_000_000
Place = tuple[str | int, ...]


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

    def asks_profile(self, slots: list[str]) -> bool:
        """Whether a decision about these slots needs the visitor's segment or scores."""
        conditions = (
            each for slot in slots for one in self.pieces.get(slot, ()) for each in (one.when, one.unless)
        )
        return any(one is not None and one.asks_profile for one in conditions)


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
        except BadContent as error:
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
    document = _document(path)
    try:
        return _Read(path, document, File.model_validate(_plain(document)))
    except ValidationError as error:
        told = [
            _line(path, document, tuple(one["loc"]), _problem(one)) for one in error.errors(include_url=False)
        ]
        raise BadContent("\n".join(told)) from None


def _document(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _MOST_BYTES:
            raise BadContent(f"{path}: at most {_MOST_BYTES} characters are allowed, {len(text)} came")
        document = YAML(typ="rt").load(text)  # safe by nature, and knows the line of each
    except (OSError, UnicodeDecodeError) as error:
        raise BadContent(f"{path}: cannot be read as UTF-8 text: {error}") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadContent(
            f"{path}:{mark.line + 1 if mark else 1}: not YAML: {error.problem}; correct it"
        ) from None
    except YAMLError as error:
        raise BadContent(f"{path}:1: not YAML: {error}") from None
    if not isinstance(document, dict):
        raise BadContent(
            f"{path}:1: a mapping of slots and content is required, {type(document).__name__} came"
        )
    return document


def _together(read: list[_Read]) -> Iterator[str]:
    slots: dict[str, tuple[Slot, Path]] = {}
    names: dict[str, Path] = {}
    for one in read:
        for name, slot in one.file.slots.items():
            if name in slots:
                yield _line(one.path, one.document, ("slots", name), f"is in {slots[name][1].name} already")
            slots.setdefault(name, (slot, one.path))
            for place, told in _wrong_texts(slot, slot.default or {}):
                yield _line(one.path, one.document, ("slots", name, "default", *place), told)
    for one in read:
        for number, piece in enumerate(one.file.content):
            for place, told in _wrong_piece(piece, slots, names):
                yield _line(one.path, one.document, ("content", number, *place), told)
            names.setdefault(piece.name, one.path)


def _wrong_piece(
    piece: Piece, slots: Mapping[str, tuple[Slot, Path]], names: Mapping[str, Path]
) -> Iterator[tuple[Place, str]]:
    if piece.name in names:
        yield ("name",), f"{piece.name} is in {names[piece.name].name} already; names are unique"
    if piece.slot not in slots:
        yield ("slot",), f"one of {', '.join(sorted(slots)) or 'no slots'} is required, {piece.slot!r} came"
        return
    for place, told in _wrong_texts(slots[piece.slot][0], piece.texts):
        yield ("texts", *place), told


def _wrong_texts(slot: Slot, texts: Texts) -> Iterator[tuple[Place, str]]:
    """Every language has every field of the slot, of its kind, and no other."""
    for language, fields in texts.items():
        for name in slot.fields.keys() - fields.keys():
            yield (language,), f"field {name} is required; add it"
        for name, value in fields.items():
            if name not in slot.fields:
                yield (language, name), f"one of {', '.join(slot.fields)} is required; remove it"
            elif told := wrong_value(slot.fields[name], value):
                yield (language, name), f"{told}, {value!r} came"


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)  # a moment


def _line(path: Path, document: Any, place: Place, told: str) -> str:
    """`file:line: field: what`; the line is that of the deepest part that is there."""
    line, node = 1, document
    for part in place:
        try:
            line = _place_of(node, part) + 1
            node = node[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return f"{path}:{line}: {'.'.join(map(str, place)) or 'the whole'}: {told}"


def _place_of(node: Any, part: str | int) -> int:
    """Line, from 0, of an entry."""
    found: int = (node.lc.item(part) if isinstance(part, int) else node.lc.key(part))[0]
    return found


def _problem(error: Any) -> str:
    if error["type"] == "missing":
        return "required; add it"
    if error["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its name"
    return f"{str(error['msg']).removeprefix('Value error, ')}, {error['input']!r} came"
