"""The commands of scripts/: what they refuse, what they print, how they end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elastic_transport import ConnectionError as TransportError
from elasticsearch import ApiError
from pydantic import SecretStr

from cli import demo, run, signals, submit
from cli.options import embedded_addresses
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.errors import IndexUnavailable, SettingError
from jobs.offline import signals as found_signals
from jobs.offline.times import since_ms
from jobs.settings import Settings
from stack.embedded import ADDRESSES
from stack.errors import StackError
from stack.package import ROOT, pack
from stack.runs import start, submission
from tools import lint, test
from tools.reference import COMMANDS

OF_THE_SERVICES = ("collect", "serve")  # run without Flink, in an environment of their own
ENVIRONMENTS = ("scripts/_env", "scripts/_services", "scripts/_docs")
NOWHERE = "http://127.0.0.1:1"
SIGNAL = {
    "occurred_at_ms": 1_700_000_000_000,
    "kind": "cart_abandoned",
    "status": "active",
    "visitor_id": "[v]",
    "evidence": {"cart_events": 2},
}


def invoke(command: click.Command, *arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    result = CliRunner().invoke(command, list(arguments))
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_script_is_its_six_lines(name: str) -> None:
    path = ROOT / name
    lines = path.read_text().splitlines()
    room, environment = "cli", "_env"
    if path.name in ("lint", "test", "docs"):
        room = "tools"
    elif path.name in OF_THE_SERVICES:
        room, environment = "services", "_services"
    module = f"{room}.{path.name.replace('-', '_')}"
    assert os.access(path, os.X_OK)
    assert lines[0] == "#!/bin/sh" and lines[1].startswith("# ")
    assert lines[2:] == [
        "set -eu",
        'cd "$(dirname "$0")/.."',
        f". scripts/{environment}",
        f'exec "$FOOTFALL_PY" -m {module} "$@"',
    ]


def test_every_script_has_its_command() -> None:
    assert {f"scripts/{path.name}" for path in (ROOT / "scripts").iterdir()} == {*COMMANDS, *ENVIRONMENTS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []
    assert command.context_settings["help_option_names"] == ["-h", "--help"]


def test_what_ci_runs_is_scripts_test() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec scripts/test"


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (run.main, ["--replay", "x.jsonl"], "--replay FILE and --dump DIR go together"),
        (
            run.main,
            ["--replay", "x.jsonl", "--dump", "d", "--seconds", "5"],
            "--seconds and --page are for live runs",
        ),
        (run.main, ["--replay", "x.jsonl", "--dump", "d"], "x.jsonl cannot be read"),
        (run.main, ["--set", "bounds=1"], "unknown setting 'bounds'"),
        (submit.main, ["segments"], "'segments' is not one of"),
        (submit.main, ["suite", "--set", "bounds=1"], "unknown setting 'bounds'"),
        (signals.main, ["--since", "yesterday"], "90s, 15m, 2h, 7d or an ISO 8601 time"),
        (signals.main, ["--url", "nowhere"], "'nowhere' is no address"),
        (test.main, ["units"], "'units' is not one of"),
        (lint.main, ["now"], "unexpected extra argument"),
    ],
)
def test_wrong_input_ends_with_status_2_and_says_what(
    command: click.Command, arguments: list[str], words: str
) -> None:
    status, _, errors = invoke(command, *arguments)
    assert status == 2
    assert words in " ".join(errors.split())


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(signals.main, ["--url", NOWHERE]), (submit.main, ["suite", "--rest-url", NOWHERE])],
)
def test_what_does_not_answer_ends_with_status_1_and_its_address(
    command: click.Command, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(submission.jars, "fetch", lambda *arguments: [])
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    status, output, errors = invoke(command, *arguments)
    assert (status, output) == (1, "")
    assert NOWHERE in errors and "scripts/run has one" in errors


def test_a_failures_text_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **keywords: object) -> None:
        raise StackError("its last lines: [main] ERROR [/logs/flink] gone")

    monkeypatch.setattr(start, "EmbeddedStack", fail)
    status, _, errors = invoke(run.main)
    assert status == 1
    assert "error: its last lines: [main] ERROR [/logs/flink] gone what to do: read the log" in " ".join(
        errors.split()
    )


def test_the_levels_stop_at_the_first_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def call(command: list[str], **keywords: Any) -> int:
        asked.append(command[2:])
        return int("tests/unit" in command)

    monkeypatch.setattr(subprocess, "call", call)
    status, output, _ = invoke(test.main)
    assert status == 1
    assert [words[0] for words in asked] == ["tools.lint", "pytest"]
    assert "lint passed in" in output and "unit FAILED (status 1" in output


def test_the_levels_run_in_the_order_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(subprocess, "call", lambda command, **keywords: asked.append(command[3]) or 0)
    assert invoke(test.main, "cluster", "sql")[0] == 0
    assert asked == ["tests/cluster", "tests/sql"]


def test_all_checks_run_whatever_the_first_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(subprocess, "call", lambda command, **keywords: asked.append(command[2]) or 1)
    status, output, _ = invoke(lint.main)
    assert status == 1
    assert [name for name in asked if not name.startswith("import ")][:5] == [
        "ruff", "ruff", "mypy", "tools.words", "pip",
    ]  # fmt: skip
    assert len(asked) == len(lint.CHECKS) + len(lint.OF_THE_SERVICES)
    assert "ruff check, ruff format, mypy, imports, words, pip check, mypy of the services" in output


def test_a_query_restricts_by_what_was_given() -> None:
    query = found_signals.query_of({"kind": "k", "status": None, "visitor_id": "v"}, 5)
    assert query["bool"]["filter"] == [
        {"term": {"kind": "k"}},
        {"term": {"visitor_id": "v"}},
        {"range": {"occurred_at_ms": {"gte": 5}}},
    ]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("90s", 1_699_999_910_000),
        ("15m", 1_699_999_100_000),
        ("7d", 1_699_395_200_000),
        ("2023-11-14T22:13:20", 1_700_000_000_000),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000_000),
    ],
)
def test_since_is_a_span_or_a_time(text: str, milliseconds: int) -> None:
    assert since_ms(text, datetime.fromtimestamp(1_700_000_000, UTC)) == milliseconds


class FakeClient:
    """Answers a search with hits, or raises."""

    def __init__(self, answer: list[dict[str, Any]] | Exception) -> None:
        self._answer = answer

    def search(self, **keywords: Any) -> dict[str, Any]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return {"hits": {"hits": [{"_source": document} for document in self._answer]}}


def answering(monkeypatch: pytest.MonkeyPatch, answer: list[dict[str, Any]] | Exception) -> ElasticsearchEnds:
    monkeypatch.setattr(ElasticsearchEnds, "client", lambda ends: FakeClient(answer))
    return ElasticsearchEnds("http://index:9200")


def refusal(status: int) -> ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 9200))
    return ApiError("odd", meta, {})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TransportError("refused"), "no Elasticsearch at http://index:9200: refused"),
        (refusal(404), "there is no footfall-signals"),
        (refusal(403), "check elasticsearch_api_key_file"),
        (refusal(500), "status 500: odd"),
    ],
)
def test_a_search_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    with pytest.raises(IndexUnavailable, match=words):
        found_signals.search(answering(monkeypatch, error), {}, 1)


def test_an_address_that_is_none_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="elasticsearch_url"):
        found_signals.search(answering(monkeypatch, ValueError("no scheme")), {}, 1)


def test_signals_come_as_a_table_or_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [SIGNAL])
    status, table, _ = invoke(signals.main)
    assert status == 0
    assert table.splitlines()[1].split() == [
        "2023-11-14",
        "22:13:20",
        "cart_abandoned",
        "active",
        "[v]",
        "cart_events=2",
    ]
    assert json.loads(invoke(signals.main, "--json")[1]) == SIGNAL


def test_no_signal_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [])
    assert invoke(signals.main)[:2] == (0, "no signal matches\n")
    assert invoke(signals.main, "--json")[:2] == (0, "")


def test_the_addresses_of_a_running_stack_are_found(tmp_path: Path) -> None:
    assert embedded_addresses(tmp_path) == {}
    (tmp_path / ADDRESSES).write_text(json.dumps({"process": os.getpid(), "flink": "http://f"}))
    assert embedded_addresses(tmp_path) == {"flink": "http://f"}


@pytest.mark.parametrize(
    "content", ["", '{"process": 99999999, "flink": "http://f"}', '{"flink": "http://f"}']
)
def test_a_stack_that_is_gone_has_no_addresses(tmp_path: Path, content: str) -> None:
    (tmp_path / ADDRESSES).write_text(content)
    assert embedded_addresses(tmp_path) == {}


def test_a_key_that_would_not_arrive_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    submit._warn_of_secrets(Settings(elasticsearch_api_key=SecretStr("hush")))
    errors = capsys.readouterr().err
    assert "does not travel" in errors and "hush" not in errors


def test_equal_sources_give_equal_packages(tmp_path: Path) -> None:
    first, second = pack(tmp_path / "a.zip"), pack(tmp_path / "b.zip")
    assert first.read_bytes() == second.read_bytes()


def test_a_port_that_is_taken_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, said = invoke(demo.main, "--port", port)
    assert status == 2 and f"port {port}" in said and "choose another --port" in said
