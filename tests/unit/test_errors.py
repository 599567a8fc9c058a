"""One tree of exceptions: each class says what to do, is raised, and speaks plainly; commands show it in two lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from elastic_transport import ConnectionError as TransportError
from elastic_transport import ConnectionTimeout
from kafka.errors import KafkaConnectionError

from cli import replay_rejected, rules, run, signals, train
from cli.options import reported_failures
from connectors import errors
from connectors.errors import FAILED, INPUT, BadInput, FootfallError
from connectors.wording import plainly
from services.content import loading as services_errors
from stack import errors as stack_errors
from stack.package import ROOT

PACKAGES = ("cli", "connectors", "jobs", "services", "stack", "state", "tools", "udfs")
# Caught by the caller: no operator ever sees one of these. Those of the services become HTTP answers.
INTERNAL = {"BadToken", "Full", "Refused", "_Busy", "_Unreadable"}
CLASS_OR_NUMBER = re.compile(r"^\w*(Error|Exception|Refused|Unavailable|BadInput)\b|\[Errno")
NOWHERE = "127.0.0.1:1"


def classes(root: type[FootfallError]) -> list[type[FootfallError]]:
    return [root, *(one for child in root.__subclasses__() for one in classes(child))]


assert services_errors.BadContent  # imported, so that the tree is whole
OF_OURS = [one for one in classes(FootfallError)[1:] if one.__module__.partition(".")[0] in PACKAGES]
NAMES = {one.__name__ for one in OF_OURS}
SOURCES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def named(call: ast.AST) -> str:
    """What is called, without its module."""
    return call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")


# Besides: what becomes an HTTP answer, and a class of the tree that is given as an argument.
SHOWN = NAMES | {"BadToken", "HTTPException", "refused"}
LOGGED = {"debug", "info", "warning", "error", "exception"}


def calls_of(names: set[str]) -> Iterator[tuple[str, ast.Call]]:
    """Every line that calls one of the names."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and named(node.func) in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


CALLS = list(calls_of(SHOWN))


def test_the_page_of_the_tree_shows_it_all() -> None:
    shown = set(re.findall(r"── (\w+)", errors.__doc__ or ""))
    assert shown == NAMES - {one.__name__ for one in classes(stack_errors.StackError)[1:]}


@pytest.mark.parametrize("kind", OF_OURS, ids=lambda kind: kind.__name__)
def test_every_error_class_has_an_action_and_a_use(kind: type[FootfallError]) -> None:
    assert len(kind.action) > 10 and kind.action[0].islower() and kind.status in (INPUT, FAILED)
    assert str(kind("it is so")) == f"it is so; {kind.action}" and kind("it is so", "do it").action == "do it"
    assert kind.__subclasses__() or any(named(call.func) == kind.__name__ for _, call in CALLS)


def test_without_an_action_no_class_can_be_made() -> None:
    with pytest.raises(TypeError, match="action"):
        type("Silent", (BadInput,), {})


def test_every_exception_is_one_of_the_tree() -> None:
    exceptions = {
        node.name
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(named(base).endswith(("Error", "Exception")) for base in node.bases)
    }
    assert exceptions - INTERNAL <= NAMES | {"FootfallError"}


def handled(tree: ast.Module) -> dict[int, str]:
    """Lines inside of handlers of others' errors -> the name under which the handler has the error."""
    return {
        line: node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.name and named(node.type or node) not in NAMES
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def test_messages_of_libraries_are_never_shown_raw() -> None:
    inside = {path: handled(tree) for path, tree in SOURCES.items()}
    raw = []
    for position, call in CALLS:
        path, _, line = position.rpartition(":")
        error = inside[ROOT / path].get(int(line))
        shown = [node.value for node in ast.walk(call) if isinstance(node, ast.FormattedValue)]
        raw += [
            position for value in shown if ast.unparse(value) in (error, f"str({error})", f"repr({error})")
        ]
    assert raw == []


def test_errors_of_libraries_are_never_logged_raw() -> None:
    inside = {path: handled(tree) for path, tree in SOURCES.items()}
    logged = [(position, ast.unparse(one)) for position, call in calls_of(LOGGED) for one in call.args]
    assert len(logged) > 10
    raw = [
        position
        for position, shown in logged
        for path, _, line in [position.rpartition(":")]
        if shown == inside[ROOT / path].get(int(line), "")
    ]
    assert raw == []


def test_no_message_begins_with_a_class_or_holds_a_number_of_the_operating_system() -> None:
    texts = [
        (position, node.value)
        for position, call in CALLS
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert len(texts) > 150
    assert [position for position, text in texts if CLASS_OR_NUMBER.search(text)] == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), "no such file or folder"),
        (PermissionError(13, "Permission denied", "x"), "permission denied"),
        (OSError("Not a gzipped file (b'no')"), "Not a gzipped file (b'no')"),
        (OSError(5, "Input/output error"), "input/output error"),
        (
            TransportError(
                "Connection error caused by: NewConnectionError(<urllib3 object>: [Errno 111] Connection refused)"
            ),
            "connection refused",
        ),
        (ConnectionTimeout("ReadTimeoutError(…)"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (KafkaConnectionError("111 ECONNREFUSED"), "connection refused"),
        (BadInput("it is so", "do it"), "it is so"),
        (KeyError("x"), "'x'"),
        (ValueError(), "ValueError"),
    ],
    ids=repr,
)
def test_failures_of_libraries_are_worded_plainly(error: Exception, words: str) -> None:
    assert plainly(error) == words


def failing(command: click.Command, *arguments: str) -> tuple[int, list[str]]:
    """Exit status, and the lines of standard error."""
    result = CliRunner().invoke(command, list(arguments))
    return result.exit_code, result.stderr.splitlines()


@pytest.fixture
def positions(tmp_path: Path) -> dict[str, str]:
    """What a command may be given that is invalid."""
    (tmp_path / "rule.yaml").write_text("name: [unclosed\n")
    (tmp_path / "cut.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00\x00")
    return {
        "folder": str(tmp_path),
        "broken": str(tmp_path / "rule.yaml"),
        "cut": str(tmp_path / "cut.jsonl.gz"),
    }


@pytest.mark.parametrize(
    ("command", "arguments", "status", "text", "todo"),
    [
        (run.main, ["--replay", "absent.jsonl", "--dump", "d"], 2, "no such file or folder", "JSON-lines"),
        (run.main, ["--replay", "{cut}", "--dump", "d"], 2, "the compressed file is cut off", "JSON-lines"),
        (run.main, ["--settings", "{folder}"], 2, "it is a folder", "correct the setting"),
        (run.main, ["--set", "parallelism=0"], 2, "parallelism must be a whole number, at least 1", "correct the setting"),
        (rules.main, ["validate", "{broken}"], 2, "not YAML", "correct the line"),
        (rules.main, ["validate", "absent.yaml"], 2, "no such file or folder", "correct the line"),
        (train.main, ["churn_risk", "--events", "{folder}"], 2, "is no lake", "archive_dir"),
        (signals.main, ["--url", f"http://{NOWHERE}"], 1, "connection refused", "start one"),
        (
            replay_rejected.main,
            ["--set", f"kafka_bootstrap_servers={NOWHERE}"],
            1,
            "no broker answers",
            "kafka_bootstrap_servers",
        ),
    ],
)  # fmt: skip
def test_a_command_says_in_two_lines_what_is_wrong_and_what_to_do(
    positions: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    command: click.Command,
    arguments: list[str],
    status: int,
    text: str,
    todo: str,
) -> None:
    monkeypatch.setattr("connectors.kafka.topic_reader._QUIET_S", 1.0)
    ended, lines = failing(command, *(argument.format(**positions) for argument in arguments))
    error, action = [line for line in lines if line.startswith(("error: ", "what to do: "))]
    assert ended == status
    assert error.startswith("error: ") and text in error and not CLASS_OR_NUMBER.search(error[7:])
    assert action.startswith("what to do: ") and todo in action


def test_a_path_that_cannot_be_written_is_wrong_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end, reported_failures():
        (tmp_path / "absent" / "file").write_text("x")
    assert end.value.code == INPUT
    assert capsys.readouterr().err.startswith(
        f"error: {tmp_path}/absent/file: no such file or folder\nwhat to do: "
    )


def test_an_error_without_a_path_is_no_input_of_anybodys() -> None:
    with pytest.raises(OSError, match="odd"), reported_failures():
        raise OSError("odd")
