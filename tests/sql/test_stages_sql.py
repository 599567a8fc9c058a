"""Every job on its own: its `main` wires its ends, and the plan that it would submit can be made."""

from __future__ import annotations

import importlib

import pytest

from cli.submit import JOBS
from jobs import wiring
from stack import jars
from tests.sql.tables import Flink


@pytest.mark.parametrize("job", JOBS)
def test_a_job_on_its_own_has_a_plan(flink: Flink, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing connects while a plan is made."""
    connector = ",".join(jar.as_uri() for jar in jars.fetch("flink"))
    module, submitted = importlib.import_module(f"jobs.{job}"), []
    monkeypatch.setattr(
        module,
        "environment",
        lambda name, settings: flink.environment(settings, {"pipeline.jars": connector}),
    )
    monkeypatch.setattr(wiring.Inserts, "submit", lambda inserts: submitted.append(inserts.plan()))
    module.main([])
    assert len(submitted) == 1
