"""YAML files written by hand: what is wrong is told with file, line, field and what was required."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from connectors.contracts.yaml_values import plain
from connectors.errors import BadInput
from connectors.wording import plainly

_MOST_BYTES = 1_000_000
FieldPath = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)


def read(path: Path, top: str) -> dict[str, Any]:
    """The file's mapping; it knows the line of each entry.

    Args:
        path: of the file.
        top: what the mapping has, for the message.

    Raises:
        BadInput: it cannot be read, is no YAML, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _MOST_BYTES:
            raise BadInput(f"{path}: at most {_MOST_BYTES} characters are allowed, {len(text)} came")
        document = YAML(typ="rt").load(text)  # safe by nature, and knows the line of each
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text: {plainly(error)}") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadInput(
            f"{path}:{mark.line + 1 if mark else 1}: not YAML: {error.problem}; correct it"
        ) from None
    except YAMLError as error:
        raise BadInput(f"{path}:1: not YAML: {plainly(error)}") from None
    if not isinstance(document, dict):
        raise BadInput(f"{path}:1: a mapping of {top} is required, {type(document).__name__} came")
    return document


def validated(path: Path, document: dict[str, Any], model: type[_Model]) -> _Model:
    """The document as its model.

    Raises:
        BadInput: it is not; a line for each problem.
    """
    try:
        return model.model_validate(plain(document))
    except ValidationError as error:
        problem = [
            line(path, document, tuple(one["loc"]), _problem(one)) for one in error.errors(include_url=False)
        ]
        raise BadInput("\n".join(problem)) from None


def line(path: Path, document: Any, field_path: FieldPath, problem: str) -> str:
    """`file:line: field: what`; the line is that of the deepest part that is there."""
    number, node = 1, document
    for part in field_path:
        try:
            number = (node.lc.item(part) if isinstance(part, int) else node.lc.key(part))[0] + 1
            node = node[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return f"{path}:{number}: {'.'.join(map(str, field_path)) or 'the whole'}: {problem}"


def _problem(error: Any) -> str:
    if error["type"] == "missing":
        return "required; add it"
    if error["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its name"
    return f"{str(error['msg']).removeprefix('Value error, ')}, {error['input']!r} came"
