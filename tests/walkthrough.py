"""The steps of a page: files that it has the reader write, commands, and what they print; which test runs which."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack.package import ROOT

# Pages of which every command runs in a test.
PAGES = ("README.md", "docs/tutorials/first-rule.md", "docs/tutorials/your-own-events.md")
# The test that runs the commands, in tests/unit/ or tests/cluster/, as the pages have them.
RUNS: dict[str, tuple[str, ...]] = {
    # tests/unit/
    "test_the_first_rule_goes_as_its_page_says": (
        "scripts/rules validate my-rules/many_searches.yaml",
        "scripts/rules explain my-rules/many_searches.yaml",
        "scripts/rules test my-scenarios.yaml --rules my-rules",
        "scripts/rules try my-events.jsonl --rules my-rules",
    ),
    "test_the_rule_of_the_readme_is_one": (
        "scripts/rules validate rules/category_interest.yaml",
        "scripts/rules explain rules/category_interest.yaml",
    ),
    "test_what_ci_runs_is_scripts_test": ("scripts/test",),
    "test_a_command_that_a_page_only_names_shows_its_help": (
        "scripts/audit", "scripts/erase", "scripts/experiment", "scripts/heartbeat", "scripts/merge", "scripts/models",
        "scripts/prepare", "scripts/recommend", "scripts/replay-rejected", "scripts/segments", "scripts/submit", "scripts/train", "scripts/why",
    ),
    # tests/cluster/
    "test_a_live_run_has_signals_and_services_beside_it": (
        "scripts/run", "scripts/signals", "scripts/collect", "scripts/serve",
    ),
    "test_a_rule_of_ones_own_runs": (
        "scripts/run --set rules_dir=my-rules", "scripts/signals --kind many_searches", "scripts/why VISITOR many_searches --set rules_dir=my-rules",
    ),
    "test_a_live_run_ends_by_itself": ("scripts/run --seconds 120",),
    "test_a_file_is_replayed": ("scripts/run --replay events.jsonl.gz --dump out",),
    "test_own_events_give_what_the_page_says": ("scripts/run --replay my-segment.jsonl --adapter segment --dump out",),
    "test_the_demo_answers_until_ctrl_c": ("scripts/demo",),
    "test_the_signal_of_the_readme_is_found": ("scripts/signals --visitor anna --kind cart_abandoned --json",),
}  # fmt: skip

_INLINE = re.compile(r"`(scripts/[^`]+)`")
_FENCE = re.compile(r"(?:^`([\w./-]+)`\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Command:
    """A command of a page, without its comment, and the lines that the page shows after it."""

    words: list[str]
    shown: list[str] = field(default_factory=list)


@dataclass
class Written:
    """A file of a page."""

    name: str
    text: str


def commands_of(page: str) -> set[str]:
    """Every command of the page: those of its blocks, and those in its text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return {shlex.join(step.words) for step in steps(page) if isinstance(step, Command)} | set(
        _INLINE.findall(text)
    )


@pytest.fixture
def commands(request: pytest.FixtureRequest) -> list[list[str]]:
    """The commands that this test must run, in words."""
    return [shlex.split(command) for command in RUNS[request.function.__name__]]


def steps(page: str) -> Iterator[Written | Command]:
    """What a reader of the page does, in order.

    A block below a line with nothing but a name in backticks is a file; blocks of `sh` are commands; a block of
    `text` is what the last command prints.
    """
    last: Command | None = None
    for name, kind, text in _FENCE.findall((ROOT / page).read_text(encoding="utf-8")):
        if name:
            yield Written(name, text)
        elif kind == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    last = Command(words)
                    yield last
        elif kind == "text" and last is not None:
            last.shown += text.splitlines()


def write_files(page: str, folder: Path) -> None:
    """Writes what the page has its reader write."""
    for step in steps(page):
        if isinstance(step, Written):
            write(step, folder)


def write(step: Written, folder: Path) -> None:
    """Writes the file into the folder."""
    path = folder / step.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(step.text, encoding="utf-8")
