"""Reads segments from YAML files; every error names file, line and field, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from connectors.contracts import yaml_files
from connectors.contracts.errors import BadRule
from connectors.contracts.yaml_files import line, plain
from state.rules.language.loading import Loaded, gathered
from state.segments.language.model import KINDS, Segmentation

SHIPPED = Path(__file__).parents[1]
AnySegmentation = Any  # one of the classes of state/segments/language/model.py


@cache
def adapter() -> TypeAdapter[Any]:
    """Validates the segments of one file."""
    return TypeAdapter(Segmentation)


def load_file(path: Path) -> Loaded:
    """The segments of one file.

    Raises:
        BadRule: the file cannot be read, is no YAML, or is refused.
    """
    document = yaml_files.read(path, "name, version, kind, segments …", BadRule)
    try:
        return Loaded(adapter().validate_python(plain(document)), path)
    except ValidationError as error:
        raise BadRule("\n".join(_messages(path, document, error))) from None


def load(paths: Iterable[Path]) -> list[Loaded]:
    """Segments of files and of folders' `*.yaml`, in order of name; one file of a kind.

    Raises:
        BadRule: a file is refused, or two do not go together; all that is wrong is in the message.
    """
    return gathered(paths, "segments", load_file, _together)


def _together(loaded: list[Loaded]) -> Iterator[str]:
    kinds: dict[str, Loaded] = {}
    for one in loaded:
        first = kinds.setdefault(one.rule.kind, one)
        if first is not one:
            yield f"{one.path}: kind: {first.path} is of kind {one.rule.kind} already; only one may be"


def _messages(path: Path, document: Any, error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False):
        yield line(path, document, tuple(part for part in one["loc"] if part not in KINDS), _problem(one))


def _problem(error: Any) -> str:
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return f"kind: must be one of {', '.join(KINDS)}"
    return yaml_files.problem(error)
