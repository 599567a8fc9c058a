"""Reads rules from YAML files; every error names file, line and field, and what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from connectors.contracts.errors import BadRule as BadRule
from connectors.contracts.errors import plain_os
from connectors.contracts.yaml_values import plain
from state.rules.language.analyse import problems
from state.rules.language.filters import FieldPath
from state.rules.language.model import KINDS, Rule

SHIPPED = Path(__file__).parents[1]
_MOST_BYTES = 100_000
AnyRule = Any  # one of the classes of state/rules/language/model.py


@dataclass(frozen=True)
class Loaded:
    """A rule and the file it came from."""

    rule: AnyRule
    path: Path

    @property
    def digest(self) -> str:
        """Hash of what the rule says, whatever its layout, description and version."""
        content = self.rule.model_dump_json(
            exclude={"description", "version"}, by_alias=True, exclude_none=True
        )
        return hashlib.sha256(content.encode()).hexdigest()


@cache
def adapter() -> TypeAdapter[Any]:
    """Validates one rule."""
    return TypeAdapter(Rule)


def load_file(path: Path) -> Loaded:
    """One rule of one file.

    Raises:
        BadRule: the file cannot be read, is no YAML, or the rule is refused.
    """
    document = _document(path)
    try:
        rule = adapter().validate_python(plain(document))
    except ValidationError as error:
        raise BadRule("\n".join(_messages(path, document, error))) from None
    found = problems(rule)
    if found:
        raise BadRule("\n".join(_line(path, document, where, text) for where, text in found))
    return Loaded(rule, path)


def load(paths: Iterable[Path]) -> list[Loaded]:
    """A pack: rules of files and of folders' `*.yaml`, in order of name.

    Raises:
        BadRule: a file is refused, or two rules do not go together; all that is wrong is in the message.
    """
    loaded, wrong = [], []
    for path in _files(paths):
        try:
            loaded.append(load_file(path))
        except BadRule as error:
            wrong.append(error.message)
    wrong += _together(loaded)
    if wrong:
        raise BadRule("\n".join(wrong))
    return sorted(loaded, key=lambda one: str(one.rule.name))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(path.glob("*.yaml"))
        if not found:
            raise BadRule(f"{path}: no rule (*.yaml) in this folder", "name another one")
        yield from found


def _together(loaded: list[Loaded]) -> Iterator[str]:
    names: dict[str, Loaded] = {}
    kinds: dict[str, Loaded] = {}
    for one in loaded:
        first = names.setdefault(one.rule.name, one)
        if first is not one:
            yield f"{one.path}: name: {one.rule.name} is the rule of {first.path} already; choose another"
        emitted = kinds.setdefault(one.rule.signal_kind, one)
        if emitted is not one and first is one:
            other = emitted.rule.name
            yield (
                f"{one.path}: emits: signals of kind {one.rule.signal_kind} are those of rule {other};"
                " one kind means one thing, choose another"
            )


def changed_meaning(new: Loaded, old: Loaded) -> str | None:
    """Why the new rule may not take the old one's name; None when it may.

    A name keeps its signals' ids, so it must keep its kind; what it says may change with its version only.
    """
    if new.rule.kind != old.rule.kind or new.rule.signal_kind != old.rule.signal_kind:
        was = f"{old.rule.kind} rule that emits {old.rule.signal_kind}"
        return f"{new.path}: name: {new.rule.name} is a {was}; another meaning needs another name"
    if new.digest != old.digest and new.rule.version <= old.rule.version:
        return (
            f"{new.path}: version: {new.rule.name} {old.rule.version} says something else already;"
            f" a change needs version {old.rule.version + 1} or more, got {new.rule.version}"
        )
    return None


def _document(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadRule(
            f"{path}: cannot be read: {plain_os(error)}", "give a YAML file, or a folder"
        ) from error
    except UnicodeDecodeError as error:
        raise BadRule(f"{path}: byte {error.start} is no UTF-8", "save the file as UTF-8") from error
    if len(text) > _MOST_BYTES:
        raise BadRule(f"{path}: a rule has at most {_MOST_BYTES} characters; got {len(text)}")
    try:
        # Safe by nature: the round-trip loader makes plain values only, and knows the line of each.
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadRule(f"{path}:{line}: not YAML: {error.problem}", "correct the line") from None
    except YAMLError as error:
        raise BadRule(f"{path}:1: not YAML: {str(error).splitlines()[0]}", "correct the file") from None
    if not isinstance(document, dict):
        raise BadRule(
            f"{path}:1: a rule is a mapping of name, version, kind …; got {type(document).__name__}"
        )
    return document


def _messages(path: Path, document: Any, error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False):
        # pydantic names the chosen kind, and the side of a union, among the keys.
        field_path = tuple(part for part in one["loc"] if part not in KINDS and not _is_union_part(part))
        yield _line(path, document, field_path, _problem(one))


def _is_union_part(part: str | int) -> bool:
    return isinstance(part, str) and (
        part.startswith(("literal[", "function-", "constrained-")) or part in ("str", "int", "float")
    )


def _problem(error: Any) -> str:
    kind, name = error["type"], error["loc"][-1] if error["loc"] else "rule"
    if kind == "missing" and name == "within":
        return "required: without a bound its state would grow for ever; give a span (30 min) or session"
    if kind == "missing":
        return "required; add it"
    if kind == "extra_forbidden":
        return "unknown key; remove it or correct its name"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return f"kind: must be one of {', '.join(KINDS)}"
    text = str(error["msg"]).removeprefix("Value error, ")
    return text if kind == "value_error" else f"{text}; got {error['input']!r}"


def _line(path: Path, document: Any, field_path: FieldPath, text: str) -> str:
    name = ".".join(map(str, field_path))
    return f"{path}:{_line_of(document, field_path)}: {name}: {text}" if name else f"{path}:1: {text}"


def _line_of(document: Any, field_path: FieldPath) -> int:
    """The line of the deepest part of the path that the document has."""
    line: int = 1
    node: Any = document
    for part in field_path:
        try:
            lines = node.lc
            position = lines.item(part) if isinstance(node, list) else lines.key(part)
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
        line = position[0] + 1
    return line
