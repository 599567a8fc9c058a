"""`scripts/lint`: everything about the code that needs no run of it."""

from __future__ import annotations

import subprocess
import sys

import click

from cli.options import CONTEXT
from stack.package import ROOT

CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "pip check": ("pip", "check", "--disable-pip-version-check"),
}


@click.command(context_settings=CONTEXT)
def main() -> None:
    """Check style, formatting (ruff), types (mypy --strict) and the installed requirements (pip check).

    All checks run, whatever the first ones say. Exit status: 0 all pass, 1 one or more do not.
    """
    failed = [name for name, command in CHECKS.items() if not _passes(name, command)]
    if failed:
        click.echo(
            f"lint: {', '.join(failed)} did not pass; `ruff check --fix .` and `ruff format .` mend style"
        )
        sys.exit(1)


def _passes(name: str, command: tuple[str, ...]) -> bool:
    click.echo(f"lint: {name}")
    return subprocess.call([sys.executable, "-m", *command], cwd=ROOT, stdin=subprocess.DEVNULL) == 0


if __name__ == "__main__":
    main(prog_name="scripts/lint")
