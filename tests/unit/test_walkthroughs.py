"""Tutorials and the README do what they say: files are written, commands run. Those that need servers: tests/cluster/."""

from __future__ import annotations

import ast
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
from tests.walkthrough import PAGES, RUNS, Command, commands_of, steps, write_files
from tests.walkthrough import commands as commands
from tools.reference import COMMANDS

# Pages whose commands are parsed: those that run, and some whose commands take a cluster of one's own.
PARSED = (*PAGES, "docs/replay.md", "docs/lake.md", "docs/audit.md", "docs/operations/deploy.md")
OWN = tuple(name for name in COMMANDS if name not in ("scripts/collect", "scripts/serve"))


def page_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def run(words: list[str]) -> str:
    """What a command prints; it succeeds."""
    result = CliRunner().invoke(COMMANDS[words[0]], words[1:], prog_name=words[0])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_command_of_the_pages_is_run_by_a_test() -> None:
    run_somewhere = [command for some in RUNS.values() for command in some]
    assert len(run_somewhere) == len(set(run_somewhere))
    assert set.union(*map(commands_of, PAGES)) == set(run_somewhere)


def test_the_tests_that_run_commands_take_them_from_the_table() -> None:
    tests = {
        node.name: {one.arg for one in node.args.args}
        for level in ("unit", "cluster")
        for path in (ROOT / "tests" / level).glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    # scripts/test is what runs all of this; .ci/run calls it.
    assert [name for name in RUNS if name not in tests] == []
    assert [name for name in RUNS if "commands" not in tests[name]] == ["test_what_ci_runs_is_scripts_test"]


@pytest.mark.parametrize("page", PARSED)
def test_every_command_is_one_that_there_is_with_options_that_it_has(page: str) -> None:
    """Parsed as the command parses it."""
    write_files(page, Path.cwd())
    for step in steps(page):
        if not isinstance(step, Command):
            continue
        script, *words = step.words
        assert (ROOT / script).exists(), script
        if script in OWN:
            parsed(COMMANDS[script], script, words)


def test_a_command_that_a_page_only_names_shows_its_help(commands: list[list[str]]) -> None:
    for words in commands:
        assert run([*words, "--help"]).startswith(f"Usage: {words[0]}"), words


def parsed(command: click.Command, name: str, words: list[str]) -> None:
    """Parses the words, those of a subcommand too; a UsageError fails the test."""
    context = command.make_context(name, list(words), resilient_parsing=False)
    if isinstance(command, click.Group):
        subcommand = command.get_command(context, words[0])
        assert subcommand is not None, words
        parsed(subcommand, f"{name} {words[0]}", words[1:])


def test_the_first_rule_goes_as_its_page_says(commands: list[list[str]]) -> None:
    page = "docs/tutorials/first-rule.md"
    write_files(page, Path.cwd())
    shown = {tuple(step.words): step.shown for step in steps(page) if isinstance(step, Command)}
    for words in commands:
        output = run(words)
        assert shown[tuple(words)] and [line for line in shown[tuple(words)] if line not in output] == []


def test_the_rule_of_the_readme_is_one(commands: list[list[str]]) -> None:
    write_files("README.md", Path.cwd())
    validated, explained = map(run, commands)
    assert validated == "1 rules are good: category_interest\n"
    assert "fires at number 4 of a session" in explained


def own_signals() -> tuple[list[dict[str, Any]], Counter[str]]:
    """Signals of the tutorial's file of events, and what was refused of it."""
    write_files("docs/tutorials/your-own-events.md", Path.cwd())
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
