"""The suite as it was before one Python engine took the place of state in Flink SQL: a clone of that commit.

Its own commands and its own stack run, in this environment: the requirements have only grown since.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from stack.package import ROOT
from tests.bench.figures import CONSOLE
from tests.bench.progress import rates
from tests.bench.stack_runs import Run
from tests.bench.workload import Work

COMMIT = "ecfb1c6"
CLONE = ROOT / ".footfall" / "bench" / f"before-{COMMIT}"
_INSIDE = Path(__file__).with_name("before_inside.py")


def clone() -> Path:
    """The checkout of that commit, made when it is first asked for.

    Raises:
        CalledProcessError: this checkout's history does not hold the commit (a shallow clone).
        AssertionError: that commit requires what this environment has not.
    """
    if not (CLONE / "jobs").is_dir():
        CLONE.parent.mkdir(parents=True, exist_ok=True)
        git = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(CLONE)]
        subprocess.run(git, check=True)
        subprocess.run(["git", "-C", str(CLONE), "checkout", "--quiet", COMMIT], check=True)
    then, now = (set((root / "requirements.txt").read_text().splitlines()) for root in (CLONE, ROOT))
    assert then <= now, f"{COMMIT} requires {then - now}: measure it in an environment of its own"
    return CLONE


def runs(folder: Path, work: Work, memory: str) -> list[Run]:
    """Twice on a fresh stack; carts and sessions are held against the oracles: then a removal emptied no cart."""
    folder.mkdir(parents=True, exist_ok=True)
    given = folder / "runs.json"
    command = [
        sys.executable,
        "-P",
        str(_INSIDE),
        str(folder),
        str(work.path),
        str(work.events),
        memory,
        str(given),
    ]
    environment = {**os.environ, "PYTHONPATH": str(clone())}
    subprocess.run(command, cwd=CLONE, env=environment, check=False)
    found = [_run(work, document) for document in orjson.loads(given.read_bytes())] if given.exists() else []
    for run in found:
        assert run.carts == work.truth.plain_carts
        assert run.sessions == work.truth.sessions
    if len(found) < 2:
        CONSOLE.print(f"{COMMIT} has not come to the end of {2 - len(found)} of its runs: see {folder}")
    return found


def _run(work: Work, document: dict[str, Any]) -> Run:
    """A run as before_inside.py tells it."""
    opened, ended = document["opened"], document["ended"]
    by_ten_s = rates([tuple(look) for look in document["looks"]], opened, ended, work.events)
    mib = (document["jvm"] // 2**20, document["python"] // 2**20)
    carts = Counter({tuple(cart): count for cart, count in document["carts"]})
    return Run(work.events, document["start_s"], ended - opened, by_ten_s, *mib, carts, document["sessions"])
