"""Every job on its own: its `main` wires its ends, and the plan that it would submit can be made."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from cli.submit import JOBS
from jobs import wiring
from stack import jars
from tests.sql.tables import Flink


@pytest.mark.parametrize("job", JOBS)
def test_a_job_on_its_own_has_a_plan(
    flink: Flink, job: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing connects while a plan is made."""
    connector = ";".join(jar.as_uri() for part in ("flink", "lake") for jar in jars.fetch(part))
    module, submitted = importlib.import_module(f"jobs.{job}"), []
    monkeypatch.setattr(
        module,
        "environment",
        lambda name, settings: flink.environment(settings, {"pipeline.jars": connector}),
    )
    monkeypatch.setattr(wiring.Inserts, "submit", lambda inserts: submitted.append(inserts.plan()))
    module.main(["--set", f"archive_dir={tmp_path}"] if job == "archive" else [])
    assert len(submitted) == 1
