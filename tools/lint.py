"""`scripts/lint`: everything about the code that needs no run of it."""

from __future__ import annotations

import subprocess
import sys

import click

from cli.options import CONTEXT
from stack.package import ROOT
from tools.environments import in_services

CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "pip check": ("pip", "check", "--disable-pip-version-check"),
}
# In their environment: their code is checked against what they have installed.
OF_THE_SERVICES: dict[str, tuple[str, ...]] = {
    "mypy of the services": ("mypy", "services", "clients/python/src/footfall_client"),
    "pip check of the services": CHECKS["pip check"],
}


@click.command(context_settings=CONTEXT)
def main() -> None:
    """Check style, formatting (ruff), types (mypy --strict) and the installed requirements (pip check).

    All checks run, whatever the first ones say. Exit status: 0 all pass, 1 one or more do not.
    """
    commands = {name: [sys.executable, "-m", *command] for name, command in CHECKS.items()}
    commands |= {name: in_services(*command) for name, command in OF_THE_SERVICES.items()}
    failed = [name for name, command in commands.items() if not _passes(name, command)]
    if failed:
        click.echo(
            f"lint: {', '.join(failed)} did not pass; `ruff check --fix .` and `ruff format .` mend style"
        )
        sys.exit(1)


def _passes(name: str, command: list[str]) -> bool:
    click.echo(f"lint: {name}")
    return subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL) == 0


if __name__ == "__main__":
    main(prog_name="scripts/lint")
