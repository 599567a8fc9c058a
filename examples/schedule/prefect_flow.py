"""Nightly refits as a flow of Prefect 3: `python examples/schedule/prefect_flow.py` serves it nightly at 3.

A task is a command of Footfall; it fails where the command does not end with 0, so a candidate that its gate
refuses is a failed task, and nothing was published. The others go on.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from prefect import flow, task

ROOT = os.environ.get("FOOTFALL_ROOT", str(Path(__file__).resolve().parents[2]))
STEPS = tomllib.loads(Path(__file__).with_name("steps.toml").read_text(encoding="utf-8"))


def run(command: str) -> None:
    """Runs a command of the checkout; its exit status is the gate."""
    subprocess.run(command.split(), cwd=ROOT, check=True)


def refit() -> list[Any]:
    """Runs every step behind those that it comes after; fails when one of them does."""
    step, runs = task(run), dict[str, Any]()
    for name, one in STEPS.items():
        before = [runs[earlier] for earlier in one["after"]]
        runs[name] = step.with_options(name=name).submit(one["command"], wait_for=before)
    return list(runs.values())


nightly = flow(refit, name="footfall-nightly")

if __name__ == "__main__":
    nightly.serve(name="nightly", cron="0 3 * * *")
