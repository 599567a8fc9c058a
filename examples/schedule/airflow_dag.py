"""Nightly refits as a DAG of Airflow 3. Put it into the folder of DAGs together with steps.toml.

A task is a command of Footfall; it fails where the command does not end with 0, so a candidate that its gate
refuses is a failed task, and nothing was published. Trying again would give the same answer: no retries.
"""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

ROOT = os.environ.get("FOOTFALL_ROOT", "/opt/footfall")
STEPS = tomllib.loads(Path(__file__).with_name("steps.toml").read_text(encoding="utf-8"))

with DAG(
    "footfall_nightly", schedule="0 3 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False
) as dag:
    tasks = {
        name: BashOperator(task_id=name, bash_command=step["command"], cwd=ROOT, append_env=True, retries=0)
        for name, step in STEPS.items()
    }
    for name, step in STEPS.items():
        tasks[name].set_upstream([tasks[before] for before in step["after"]])
