"""`scripts/lint`: everything about the code that needs no run of it."""

from __future__ import annotations

import subprocess
import sys

import click

from stack.environments import in_services
from stack.package import ROOT
from tools.options import CONTEXT

# Import Linter is no module that runs; its contracts are in pyproject.toml.
_IMPORTS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
CHECKS: dict[str, tuple[str, ...]] = {
    "ruff check": ("-m", "ruff", "check", "."),
    "ruff format": ("-m", "ruff", "format", "--check", "."),
    "mypy": ("-m", "mypy"),
    "imports": ("-c", _IMPORTS),
    "words": ("-m", "tools.words"),
    "pip check": ("-m", "pip", "check", "--disable-pip-version-check"),
}
# In their environment: their code is checked against what they have installed.
OF_THE_SERVICES: dict[str, tuple[str, ...]] = {
    "mypy of the services": ("mypy", "services", "clients/python/src/footfall_client"),
    "pip check of the services": ("pip", "check", "--disable-pip-version-check"),
}


@click.command(context_settings=CONTEXT)
def main() -> None:
    """Check style and formatting (ruff), types (mypy --strict), imports, words, requirements.

    All checks run, whatever the first ones say. Exit status: 0 all pass, 1 one or more do not.
    """
    commands = {name: [sys.executable, *command] for name, command in CHECKS.items()}
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
