"""Every job as its `main` wires it: the planner takes it, and it writes what it should. No broker, no data."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from cli.submit import JOBS
from jobs import wiring
from tests.sql.plans import sinks
from tests.sql.tables import Flink

CHANGES = {"live": [], "history": ["--set", "bounded=true", "--set", "triggers_exactly_once=true"]}
LAKE = ["events_lake", "sessions_lake", "signals_lake"]
WRITES = {
    "adapt": ["adapted_topic", "refused_topic"],
    "ingest": ["ledger_topic", "topics_sink"],
    "visitors": ["topics_sink"],
    "triggers": ["suppressed_topic", "trigger_topic"],
    "index": ["index_failures_topic"],
    "archive": LAKE,
    "audit": ["audit_failures_topic"],
    "recommendations": ["index_failures_topic"],
    "suite": [*LAKE, "index_failures_topic", "ledger_topic", "topics_sink"],
}


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
    assert sinks(plan) == sorted(WRITES[job])
