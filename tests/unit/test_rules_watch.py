"""A worker's rules: its folder's from the start, however old the job's plan is; refused ones change nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jobs.offline.rules.folder import RulesFolder
from state.options import Options
from state.rules.language.loading import load
from udfs.rules import RulesWatch

INTEREST = "category_interest.yaml"


class Group:
    """A group of metrics that can be read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def counter(self, name: str) -> Any:
        return SimpleNamespace(inc=lambda: self.counts.update([name]))

    def gauge(self, name: str, ask: Any) -> None:
        assert ask() > 0, name


def _folder(path: Path) -> Path:
    RulesFolder(path)
    return path


def _edit(folder: Path, old: str, new: str) -> None:
    text = (folder / INTEREST).read_text()
    assert old in text
    (folder / INTEREST).write_text(text.replace(old, new))


def _watch(folder: Path, travelled: list[Any]) -> tuple[RulesWatch, Counter[str]]:
    group = Group()
    return RulesWatch(travelled, str(folder), Options(), group), group.counts


def _version(pack: Any) -> int:
    (rule,) = [kind.rule for kind in pack.kinds.values() if kind.rule.name == "category_interest"]
    return int(rule.version)


def test_a_worker_that_starts_after_a_change_begins_with_it(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "rules")
    travelled = [one.rule for one in load([folder])]
    _edit(folder, "version: 1", "version: 2")
    watch, counts = _watch(folder, travelled)
    assert _version(watch.pack) == 2 and counts == {"renewed": 1}


def test_rules_that_have_not_changed_are_not_renewed(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "rules")
    watch, counts = _watch(folder, [one.rule for one in load([folder])])
    logic = SimpleNamespace(pack=None)
    watch.renew(logic)
    assert logic.pack is None and counts == {}


def test_a_change_is_taken_up_and_a_bad_one_is_not(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "rules")
    watch, counts = _watch(folder, [one.rule for one in load([folder])])
    logic = SimpleNamespace(pack=None)
    _edit(folder, "version: 1", "version: 22")
    watch.renew(logic)
    assert _version(logic.pack) == 22
    _edit(folder, "kind: count", "kind: guess")
    watch.renew(logic)
    assert _version(logic.pack) == 22 and counts == {"renewed": 1, "refused": 1}


def test_a_folder_that_a_worker_cannot_see_changes_nothing(tmp_path: Path) -> None:
    travelled = [one.rule for one in load([_folder(tmp_path / "rules")])]
    watch, counts = _watch(tmp_path / "elsewhere", travelled)
    assert _version(watch.pack) == 1 and counts == {}
