"""`scripts/test`: the levels of tests, cheapest first, up to the first that fails."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import click

from stack.environments import in_services
from stack.package import ROOT
from tools.options import CONTEXT

_DOCTESTED = ("jobs", "state", "udfs", "connectors", "cli", "stack", "tools")


@dataclass(frozen=True)
class Level:
    """One level: its name, what it covers, the Python module with its arguments that runs it.

    `services` runs after it, in the services' environment.
    """

    name: str
    help: str
    command: tuple[str, ...]
    services: tuple[str, ...] = ()


# The tests of one file stay together: what they share is made once.
_ON_ALL_CORES = ("-n", "logical", "--maxprocesses", "4", "--dist", "loadfile")
LEVELS: tuple[Level, ...] = (
    Level("lint", "scripts/lint", ("tools.lint",)),
    Level(
        "unit",
        "no JVM: tests/unit and the examples in all docstrings",
        ("pytest", *_ON_ALL_CORES, "--doctest-modules", "tests/unit", *_DOCTESTED),
        ("pytest", "--doctest-modules", "tests/services", "services"),
    ),
    Level(
        "cases",
        "no JVM: small inputs after public reports, with their right answers",
        ("pytest", "tests/cases"),
    ),
    Level(
        "deploy",
        "no JVM: the manifests for Kubernetes and the images, rendered and checked without a cluster",
        ("pytest", *_ON_ALL_CORES, "tests/deploy"),
    ),
    Level("browser", "no JVM: what runs in a page, in a real Chromium", ("pytest", "tests/browser")),
    Level("monitoring", "no JVM: the alerts, by Prometheus's own tools", ("pytest", "tests/monitoring")),
    Level("docs", "no JVM: the site of the documentation, every link and anchor checked", ("tools.docs",)),
    Level("sql", "the SQL statements on a local Flink, tables in, tables out", ("pytest", "tests/sql")),
    Level("cluster", "real Kafka, Flink and Elasticsearch", ("pytest", "tests/cluster")),
    Level("bench", "measurements; only when asked for", ("pytest", "-s", "tests/bench")),
)
DEFAULT = ("lint", "unit", "cases", "monitoring", "docs", "deploy", "browser", "sql", "cluster")
_BY_NAME = {level.name: level for level in LEVELS}
_EPILOG = "\b\nLevels:\n" + "\n".join(f"  {level.name:<11}{level.help}" for level in LEVELS)


@click.command(context_settings=CONTEXT, epilog=_EPILOG)
@click.argument("levels", nargs=-1, type=click.Choice(list(_BY_NAME)), metavar="[LEVEL]...")
def main(levels: tuple[str, ...]) -> None:
    """Run the tests of each LEVEL, by default all but bench, and stop at the first that fails.

    Exit status: 0 all passed, 1 one failed, 2 there is no such level.
    """
    chosen = [_BY_NAME[name] for name in levels or DEFAULT]
    for level in chosen:
        if not _run(level):
            sys.exit(1)


def _run(level: Level) -> bool:
    """Runs one level and says how it went; its own output goes straight through."""
    click.echo(f"── {level.name}: {level.help}")
    began = time.monotonic()
    commands = [[sys.executable, "-m", *level.command]]
    if level.services:
        commands.append(in_services(*level.services))
    status = next((status for command in commands if (status := _status(command))), 0)
    seconds = time.monotonic() - began
    verdict = "passed" if status == 0 else f"FAILED (status {status} of {' '.join(level.command)})"
    click.echo(f"── {level.name} {verdict} in {seconds:.1f} s")
    return status == 0


def _status(command: list[str]) -> int:
    return subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    main(prog_name="scripts/test")
