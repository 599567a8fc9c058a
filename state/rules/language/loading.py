"""Reads rules from YAML files; every error names file, line and field, and what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from connectors.contracts import yaml_files
from connectors.contracts.errors import BadRule as BadRule
from connectors.contracts.yaml_files import line, plain
from state.rules.language.analyse import problems
from state.rules.language.model import KINDS, Rule

SHIPPED = Path(__file__).parents[1]
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
    document = yaml_files.read(path, "name, version, kind …", BadRule)
    try:
        rule = adapter().validate_python(plain(document))
    except ValidationError as error:
        raise BadRule("\n".join(_messages(path, document, error))) from None
    found = problems(rule)
    if found:
        raise BadRule("\n".join(line(path, document, where, text) for where, text in found))
    return Loaded(rule, path)


def load(paths: Iterable[Path]) -> list[Loaded]:
    """A pack: rules of files and of folders' `*.yaml`, in order of name.

    Raises:
        BadRule: a file is refused, or two rules do not go together; all that is wrong is in the message.
    """
    return gathered(paths, "rule", load_file, _together)


def gathered(
    paths: Iterable[Path],
    what: str,
    load_one: Callable[[Path], Loaded],
    conflicts: Callable[[list[Loaded]], Iterable[str]],
) -> list[Loaded]:
    """What files and folders' `*.yaml` hold, in order of name.

    Args:
        paths: files and folders.
        what: a folder must hold, for words.
        load_one: reads a file, or raises BadRule.
        conflicts: why some of them do not go together.

    Raises:
        BadRule: a file is refused, or there is a conflict; all that is wrong is in the message.
    """
    loaded, wrong = [], []
    for path in _files(paths, what):
        try:
            loaded.append(load_one(path))
        except BadRule as error:
            wrong.append(error.message)
    wrong += conflicts(loaded)
    if wrong:
        raise BadRule("\n".join(wrong))
    return sorted(loaded, key=lambda one: str(one.rule.name))


def _files(paths: Iterable[Path], what: str) -> Iterator[Path]:
    for path in paths:
        found = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not found:
            raise BadRule(f"{path}: no {what} (*.yaml) in this folder", "name another one")
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


def _messages(path: Path, document: Any, error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False):
        # pydantic names the chosen kind, and the side of a union, among the keys.
        field_path = tuple(part for part in one["loc"] if part not in KINDS and not _is_union_part(part))
        yield line(path, document, field_path, _problem(one))


def _is_union_part(part: str | int) -> bool:
    return isinstance(part, str) and (
        part.startswith(("literal[", "function-", "constrained-")) or part in ("str", "int", "float")
    )


def _problem(error: Any) -> str:
    kind, name = error["type"], error["loc"][-1] if error["loc"] else "rule"
    if kind == "missing" and name == "within":
        return "required: without a bound its state would grow for ever; give a span (30 min) or session"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return f"kind: must be one of {', '.join(KINDS)}"
    return yaml_files.problem(error)
