"""Every job as its `main` wires it: the planner takes it. No broker, no data."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyflink.table import TableEnvironment

from cli.submit import JOBS
from jobs import wiring
from jobs.settings import Settings
from stack import jars
from tests.sql.tables import Flink

CONNECTORS = ("flink", "lake")


@pytest.fixture
def planned(flink: Flink, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The plans of the jobs that are submitted meanwhile; nothing runs."""
    plans: list[str] = []
    files = ";".join(jar.as_uri() for part in CONNECTORS for jar in jars.fetch(part))
    make = wiring.environment

    def environment(name: str, settings: Settings) -> TableEnvironment:
        env = make(name, settings)
        env.get_config().set("pipeline.jars", files)
        return env

    monkeypatch.setattr(wiring.Inserts, "submit", lambda inserts: plans.append(inserts.explain()))
    for job in JOBS:
        monkeypatch.setattr(importlib.import_module(f"jobs.{job}"), "environment", environment)
    yield plans


@pytest.mark.parametrize("job", JOBS)
def test_the_planner_takes_the_job_with_everything_on(job: str, planned: list[str], tmp_path: Path) -> None:
    importlib.import_module(f"jobs.{job}").main(["--set", f"archive_dir={tmp_path}"])
    (plan,) = planned
    assert "Sink(" in plan
