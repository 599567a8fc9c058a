"""Tutorials and the README do what they say: files are written, commands run or are at least well-formed."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from connectors.adapters import Adapted, adapt
from connectors.files.messages import messages_of
from connectors.files.refusals import ANY_RECORD
from jobs.offline.rules.trial import signals_of_values
from jobs.settings import Settings
from stack.package import ROOT
from tests.walkthrough import Command, Written, steps, write
from tools.reference import COMMANDS

PAGES = (
    "README.md", "docs/tutorials/first-rule.md", "docs/tutorials/your-own-events.md", "docs/replay.md", "docs/lake.md",
    "docs/audit.md", "docs/operations/deploy.md",
)  # fmt: skip
OWN = tuple(name for name in COMMANDS if name not in ("scripts/collect", "scripts/serve"))


def page_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def commands(page: str) -> list[Command]:
    """The page's commands, once the files that it names are written."""
    found = list(steps(page))
    for step in found:
        if isinstance(step, Written):
            write(step, Path.cwd())
    return [step for step in found if isinstance(step, Command)]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one_that_there_is_with_options_that_it_has(page: str) -> None:
    """Parsed as the command parses it; what takes servers is run by the cluster level alone."""
    for step in commands(page):
        script, *words = step.words
        assert (ROOT / script).exists(), script
        if script in COMMANDS and script in OWN:
            parsed(COMMANDS[script], script, words)


def parsed(command: click.Command, name: str, words: list[str]) -> None:
    """Parses the words, those of a subcommand too; a UsageError fails the test."""
    context = command.make_context(name, list(words), resilient_parsing=False)
    if isinstance(command, click.Group):
        subcommand = command.get_command(context, words[0])
        assert subcommand is not None, words
        parsed(subcommand, f"{name} {words[0]}", words[1:])


def test_the_first_rule_goes_as_its_page_says() -> None:
    run = [step for step in commands("docs/tutorials/first-rule.md") if step.words[0] == "scripts/rules"]
    assert [step.words[1] for step in run] == ["validate", "explain", "test", "try"]
    for step in run:
        result = CliRunner().invoke(COMMANDS["scripts/rules"], step.words[1:])
        assert result.exit_code == 0, result.output
        assert step.shown and [line for line in step.shown if line not in result.output] == []


def test_the_rule_of_the_readme_is_one() -> None:
    run = [step.words[1:] for step in commands("README.md") if step.words[0] == "scripts/rules"]
    results = [CliRunner().invoke(COMMANDS["scripts/rules"], words) for words in run]
    assert [result.exit_code for result in results] == [0, 0]
    assert results[0].output == "1 rules are good: category_interest\n"
    assert "fires at number 4 of a session" in results[1].output


def own_signals() -> tuple[list[dict[str, Any]], Counter[str]]:
    """Signals of the tutorial's file of events, and what was refused of it."""
    commands("docs/tutorials/your-own-events.md")
    made, refused = [], Counter[str]()
    for _, message in messages_of(Path("my-segment.jsonl")):
        for one in adapt(message, "segment", ANY_RECORD):
            if isinstance(one, Adapted):
                made.append(one.document)
            else:
                refused[f"{one.verdict.reason} {one.verdict.field}"] += 1
    return list(signals_of_values(made, Settings())), refused


def test_own_events_become_what_the_page_says() -> None:
    signals, refused = own_signals()
    (cart,) = [one for one in signals if one["kind"] == "cart_abandoned"]
    page = page_of("docs/tutorials/your-own-events.md")
    assert refused == {"missing_field timestamp": 1} and "`missing_field`" in page
    assert cart["evidence"]["value"] == 39.8 and "`cart_abandoned`, with a value of 39.8" in page


def test_the_signal_of_the_readme_is_the_engines() -> None:
    shown, query = map(json.loads, re.findall(r"```json\n(.*?)```", page_of("README.md"), re.DOTALL))
    (cart,) = [one for one in own_signals()[0] if one["kind"] == "cart_abandoned"]
    assert shown == {**cart, "detected_at_ms": shown["detected_at_ms"]}
    asked = {name: value for one in query["query"]["bool"]["filter"] for name, value in one["term"].items()}
    assert {name: shown[name] for name in asked} == asked


def test_every_page_is_in_the_index_once() -> None:
    index = page_of("docs/README.md")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("*.md")]
    pages += [
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs" / "tutorials").glob("*.md")
    ]
    assert {page: index.count(f"]({page})") for page in pages if page != "README.md"} == {
        page: 1 for page in pages if page != "README.md"
    }
