"""Every job as its `main` wires it: the planner takes it. No broker, no data."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from cli.submit import JOBS
from jobs import wiring
from tests.sql.tables import Flink

CHANGES = {"live": [], "history": ["--set", "bounded=true", "--set", "triggers_exactly_once=true"]}


@pytest.mark.parametrize("arguments", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("job", JOBS)
def test_the_planner_takes_the_job_with_everything_on(
    flink: Flink, job: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing connects while a plan is made."""
    plans: list[str] = []
    monkeypatch.setattr(wiring.Inserts, "submit", lambda inserts: plans.append(inserts.explain()))
    importlib.import_module(f"jobs.{job}").main(["--set", f"archive_dir={tmp_path}", *arguments])
    (plan,) = plans
    assert "Sink(" in plan
