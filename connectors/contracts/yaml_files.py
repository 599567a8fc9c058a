"""YAML files written by hand: what is wrong is reported with file, line, field and what was required."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from connectors.contracts.errors import BadInput, plain_os
from connectors.contracts.messages import described

_MOST_CHARACTERS = 1_000_000
FieldPath = tuple[str | int, ...]
Source = Path | Traversable
_Model = TypeVar("_Model", bound=BaseModel)


def read(path: Source, top: str, refused: type[BadInput] = BadInput) -> dict[str, Any]:
    """The file's mapping; it knows the line of each entry.

    Args:
        path: of the file.
        top: what the mapping has, for the message.
        refused: the error that is raised.

    Raises:
        BadInput: it cannot be read, is no YAML, or no mapping.
    """
    text = _text(path, refused)
    try:
        # Safe by nature: the round-trip loader makes plain values only, and knows the line of each.
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        number = mark.line + 1 if mark else 1
        raise refused(f"{path}:{number}: not YAML: {error.problem}", "correct the line") from None
    except YAMLError as error:
        raise refused(f"{path}:1: not YAML: {str(error).splitlines()[0]}", "correct the file") from None
    if not isinstance(document, dict):
        raise refused(f"{path}:1: a mapping of {top} is required, {described(document)} came")
    return document


def _text(path: Source, refused: type[BadInput]) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise refused(f"{path}: cannot be read: {plain_os(error)}", "name a YAML file") from error
    except UnicodeDecodeError as error:
        raise refused(f"{path}: byte {error.start} is not UTF-8", "save the file as UTF-8") from error
    if len(text) > _MOST_CHARACTERS:
        raise refused(f"{path}: at most {_MOST_CHARACTERS} characters are allowed, {len(text)} came")
    return text


def validated(path: Source, document: dict[str, Any], model: type[_Model]) -> _Model:
    """The document as its model.

    Raises:
        BadInput: it is not; a line for each problem.
    """
    try:
        return model.model_validate(plain(document))
    except ValidationError as error:
        raise BadInput("\n".join(problems(path, document, error.errors(include_url=False)))) from None


def problems(path: Source, document: Any, errors: Iterable[Any]) -> list[str]:
    """A line for each error of pydantic."""
    return [line(path, document, tuple(one["loc"]), problem(one)) for one in errors]


def plain(node: Any) -> Any:
    """The node as plain values; a YAML alias or a tag's object is what it stands for, a moment its text.

    >>> plain({1: [True, None, 2.5, "a"]})
    {'1': [True, None, 2.5, 'a']}
    """
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)


def line(path: Source, document: Any, field_path: FieldPath, text: str) -> str:
    """`file:line: field: what`; the line is that of the deepest part that is there."""
    number, node = 1, document
    for part in field_path:
        try:
            number = (node.lc.item(part) if isinstance(part, int) else node.lc.key(part))[0] + 1
            node = node[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return ": ".join([f"{path}:{number}", *filter(None, [".".join(map(str, field_path))]), text])


def problem(error: Any) -> str:
    """What is wrong with a value, of one error of pydantic."""
    if error["type"] == "missing":
        return "required; add it"
    if error["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its name"
    text = str(error["msg"]).removeprefix("Value error, ")
    return text if error["type"] == "value_error" else f"{text}, {error['input']!r} came"
