"""How the services' commands tell what is wrong: as those of cli/ do, whose packages are not here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from connectors.errors import FootfallError

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


@contextmanager
def failures_told() -> Iterator[None]:
    """Ends the process with two lines, not a trace: what is wrong, and what to do about it."""
    try:
        yield
    except FootfallError as error:
        click.echo(f"error: {error.message}\nwhat to do: {error.action}", err=True)
        sys.exit(error.status)
