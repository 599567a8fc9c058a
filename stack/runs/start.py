"""The embedded stack is started for one run of the suite, and stopped after it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from jobs.settings import Settings
from stack.embedded import EmbeddedStack
from stack.runs.demo import beside
from stack.runs.deploy import Deployment
from stack.runs.interrupts import ended_in_time
from stack.runs.live import live
from stack.runs.replay import replay
from stack.runs.run_settings import REPLAY_FLINK

# Up to so many events a second the quick compiler keeps up on two cores.
_QUICK_RATE = 1_000.0


def run_suite(
    console: Console,
    settings: Settings,
    workdir: Path,
    state_backend: str,
    file: Path | None,
    adapter: str,
    target: Path | None,
    rate: float,
    seed: int,
    seconds: int | None,
    page: bool,
) -> bool:
    """Runs to the end of the file, or live until it is stopped; returns whether the ledger balances."""
    stack = EmbeddedStack(
        workdir,
        parallelism=settings.parallelism,
        # Beside a live suite there is room for one more job: triggers, or the audit; and for recommendations.
        slots=settings.parallelism * (1 if file else 2 + settings.valid_events),
        state_backend=state_backend,
        console=console,
        lake=bool(settings.archive_dir),
        # A file is read at full speed; a demonstration is warm from its first seconds on.
        quick=file is None and rate <= _QUICK_RATE,
        flink_overrides=REPLAY_FLINK if file else None,
    )
    with ended_in_time(), stack:
        deployment = Deployment(stack, settings, workdir)
        deployment.prepare()
        if file and target:
            return replay(deployment, file, target, console, adapter)
        with beside(deployment, workdir, console) if page else nullcontext():
            return live(deployment, console, rate=rate, seed=seed, seconds=seconds)
