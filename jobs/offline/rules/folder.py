"""The folder of the active rules, what lies behind them, and the log of changes for the way back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from connectors.errors import BadInput
from state.rules.language.loading import SHIPPED, BadRule, Loaded, changed_meaning, load, load_file
from state.segments.language import loading as segments


@dataclass(frozen=True)
class Applied:
    """A line of changes.jsonl: a rule, its versions (None: there was none), and the indices."""

    rule: str
    version_before: int | None
    version: int | None
    index_before: str
    index: str


@dataclass(frozen=True)
class Language:
    """What lies in a folder: where the shipped files are, and how files are read."""

    shipped: Path
    load: Callable[[Iterable[Path]], list[Loaded]]
    load_file: Callable[[Path], Loaded]


RULES = Language(SHIPPED, load, load_file)
SEGMENTS = Language(segments.SHIPPED, segments.load, segments.load_file)


class RulesFolder:
    """A folder of rules that jobs are started with (setting `rules_dir`), or of segments (`segments_dir`)."""

    def __init__(self, path: Path, language: Language = RULES) -> None:
        """Takes the folder; a missing one is made with a copy of the shipped files."""
        self.path, self._language = path, language
        if not path.exists():
            path.mkdir(parents=True)
            for file in language.shipped.glob("*.yaml"):
                shutil.copy(file, path)
        self._log, self._old = path / "changes.jsonl", path / "previous"

    def pack(self) -> dict[str, Loaded]:
        """The active rules by name."""
        return {one.rule.name: one for one in self._language.load([self.path])}

    def accept(self, file: Path) -> tuple[Loaded, Loaded | None]:
        """The rule of a file and the one that it would replace; nothing is changed.

        Raises:
            BadRule: the rule is refused, or does not go with the others.
        """
        new, pack = self._language.load_file(file), self.pack()
        old = pack.pop(new.rule.name, None)
        if old and (problem := changed_meaning(new, old)):
            raise BadRule(problem)
        if old and new.digest == old.digest:
            raise BadInput(
                f"{file}: says what {old.rule.name} {old.rule.version} says already", "nothing is to be done"
            )
        self._language.load([*(one.path for one in pack.values()), file])
        return new, old

    def put(self, new: Loaded | None, old: Loaded | None, indices: tuple[str, str]) -> None:
        """The new rule instead of the old one, which is kept, and a line in the log."""
        active = self.path / f"{new.rule.name}.yaml" if new else None
        if old:
            self._old.mkdir(exist_ok=True)
            shutil.copy(old.path, self._kept(old.rule.name, old.rule.version))
        if new and active:
            _replace(new.path, active)
        if old and old.path != active:
            old.path.unlink()
        name = next(one.rule.name for one in (new, old) if one)
        versions = old.rule.version if old else None, new.rule.version if new else None
        with self._log.open("ab") as log:
            log.write(orjson.dumps(asdict(Applied(name, *versions, *indices))) + b"\n")

    def last(self) -> Applied:
        """The newest change.

        Raises:
            BadInput: there was none.
        """
        lines = self._log.read_bytes().splitlines() if self._log.exists() else []
        if not lines:
            raise BadInput(f"{self.path}: no change to go back on (no {self._log.name})")
        return Applied(**orjson.loads(lines[-1]))

    def take_back(self) -> None:
        """The files as they were before the newest change, which leaves the log."""
        last = self.last()
        active = self.path / f"{last.rule}.yaml"
        if last.version_before is not None:
            kept = self._kept(last.rule, last.version_before)
            _replace(kept, active)
            kept.unlink()
        else:
            active.unlink()
        lines = self._log.read_bytes().splitlines(keepends=True)
        self._log.write_bytes(b"".join(lines[:-1]))

    def _kept(self, name: str, version: int) -> Path:
        return self._old / f"{name}-{version}.yaml"


def _replace(file: Path, active: Path) -> None:
    """In one step: a job that looks at the folder meanwhile sees all of a file or none of it."""
    shutil.copy(file, beside := active.with_suffix(".new"))
    beside.replace(active)
