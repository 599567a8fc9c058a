"""The examples of schedules: their commands are commands, in one order, and the exit status is the gate.

Airflow and Prefect are in no requirements. Here each file runs against a stand-in of the few names that it
imports. With `FOOTFALL_AIRFLOW_PYTHON` and `FOOTFALL_PREFECT_PYTHON`, each a Python of an environment made for
it, the files are read by the real ones, too.
"""

from __future__ import annotations

import os
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stack.package import ROOT
from tests.unit.test_walkthroughs import parsed
from tools.reference import COMMANDS

FOLDER = ROOT / "examples" / "schedule"
STEPS = tomllib.loads((FOLDER / "steps.toml").read_text())
EDGES = {(before, name) for name, step in STEPS.items() for before in step["after"]}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_is_a_command_with_options_that_it_has(name: str) -> None:
    script, *words = shlex.split(STEPS[name]["command"])
    parsed(COMMANDS[script], script, words)
    assert set(STEPS[name]["after"]) <= set(STEPS)


def test_cron_runs_the_same_commands_one_after_the_other() -> None:
    lines = [line for line in (FOLDER / "crontab").read_text().splitlines() if line[:1].isdigit()]
    fields = [line.split(None, 5) for line in lines]
    assert all(len(one) == 6 for one in fields)
    for step, (*_, command) in zip(STEPS.values(), fields, strict=True):
        assert command.startswith('cd "$FOOTFALL_ROOT" && flock .footfall/nightly.lock ')
        assert step["command"] in command


@pytest.mark.parametrize("status", [0, 1, 2])
def test_cron_is_silent_about_what_passes_and_sends_the_words_of_what_does_not(
    status: int, tmp_path: Path
) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".footfall").mkdir()
    script = tmp_path / "scripts" / "segments"
    script.write_text(f"#!/bin/sh\necho said; exit {status}\n")
    script.chmod(0o755)
    (line,) = [line for line in (FOLDER / "crontab").read_text().splitlines() if "scripts/segments" in line]
    environment = {**os.environ, "FOOTFALL_ROOT": str(tmp_path)}
    done = subprocess.run(
        ["/bin/sh", "-c", line.split(None, 5)[5]], env=environment, capture_output=True, text=True
    )
    assert done.stdout + done.stderr == ("said\n" if status else "")


# ------------------------------------------------------------------------------------------ Airflow


class Dag:
    """A stand-in of `airflow.sdk.DAG`."""

    made: dict[str, Any]

    def __init__(self, name: str, **options: Any) -> None:
        Dag.made = {"name": name, **options}

    def __enter__(self) -> Dag:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class Operator:
    """A stand-in of `BashOperator`."""

    def __init__(self, task_id: str, **options: Any) -> None:
        self.task_id, self.options, self.upstream = task_id, options, list[str]()

    def set_upstream(self, others: list[Operator]) -> None:
        self.upstream += [one.task_id for one in others]


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    """Makes a module with the members, and the packages above it."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        module = ModuleType(".".join(parts[:depth]))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for member, value in members.items():
        setattr(sys.modules[name], member, value)


def test_the_dag_has_the_steps_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "airflow.providers.standard.operators.bash", BashOperator=Operator)
    stand_in_sdk = ModuleType("airflow.sdk")
    stand_in_sdk.DAG = Dag  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow.sdk", stand_in_sdk)
    monkeypatch.setenv("FOOTFALL_ROOT", "/somewhere")
    tasks = runpy.run_path(str(FOLDER / "airflow_dag.py"))["tasks"]
    assert {name: task.options["bash_command"] for name, task in tasks.items()} == {
        name: step["command"] for name, step in STEPS.items()
    }
    assert {(before, name) for name, task in tasks.items() for before in task.upstream} == EDGES
    assert {task.options["cwd"] for task in tasks.values()} == {"/somewhere"}
    assert Dag.made["schedule"] == "0 3 * * *" and Dag.made["catchup"] is False


# ------------------------------------------------------------------------------------------ Prefect


class Step:
    """A stand-in of a task of Prefect: runs at once, and notes what it waited for."""

    runs: list[tuple[str, list[str]]]

    def __init__(self, function: Callable[[str], None], name: str = "") -> None:
        self.function, self.name = function, name

    def with_options(self, name: str) -> Step:
        return Step(self.function, name)

    def submit(self, command: str, wait_for: list[str]) -> str:
        Step.runs.append((self.name, wait_for))
        self.function(command)
        return self.name


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    Step.runs = []
    stand_in(monkeypatch, "prefect", flow=lambda function, name: function, task=Step)
    return runpy.run_path(str(FOLDER / "prefect_flow.py"))


def test_the_flow_runs_the_steps_in_their_order(flow: dict[str, Any]) -> None:
    for one in flow["STEPS"].values():
        one["command"] = "true"
    assert flow["nightly"]() == list(STEPS)
    assert Step.runs == [(name, step["after"]) for name, step in STEPS.items()]


def test_a_command_that_a_gate_refuses_fails_its_task(flow: dict[str, Any]) -> None:
    flow["run"]("true")
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        flow["run"]("false")


# ---------------------------------------------------------------------------------------- real ones

_AIRFLOW = """
import runpy, sys
dag = runpy.run_path(sys.argv[1])["dag"]
for one in dag.tasks:
    for before in one.upstream_task_ids:
        print(before, one.task_id)
"""
_PREFECT = """
import runpy, sys
flow = runpy.run_path(sys.argv[1])["nightly"]
print(flow.name, flow.validate_parameters({}))
"""


def of_its_own(variable: str, program: str, file: str) -> list[str]:
    """What a program says in an environment that has the scheduler; skips where none is named."""
    python = os.environ.get(variable)
    if python is None:
        pytest.skip(f"{variable} names no Python")
    done = subprocess.run(
        [python, "-c", program, str(FOLDER / file)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_airflow_reads_the_dag() -> None:
    found = {
        tuple(line.split()) for line in of_its_own("FOOTFALL_AIRFLOW_PYTHON", _AIRFLOW, "airflow_dag.py")
    }
    assert found >= EDGES


def test_prefect_reads_the_flow() -> None:
    found = of_its_own("FOOTFALL_PREFECT_PYTHON", _PREFECT, "prefect_flow.py")
    assert found[-1] == "footfall-nightly {}"
