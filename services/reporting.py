"""How the services' commands report errors: as those of cli/ do, whose packages are not installed here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from connectors.errors import FootfallError

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


class Seldom:
    """Whether to log something that happens again and again: the first time, then every ten seconds.

    >>> seldom = Seldom()
    >>> [seldom.says(0.0), seldom.says(9.0), seldom.says(10.0)]
    [True, False, True]
    """

    def __init__(self, every_s: float = 10.0) -> None:
        """Nothing is logged yet."""
        self._every_s, self._logged_s = every_s, float("-inf")

    def says(self, now_s: float) -> bool:
        """Whether to log it now."""
        if now_s - self._logged_s < self._every_s:
            return False
        self._logged_s = now_s
        return True


@contextmanager
def reported_failures() -> Iterator[None]:
    """Ends the process with two lines, not a trace: what is wrong, and what to do about it."""
    try:
        yield
    except FootfallError as error:
        click.echo(f"error: {error.message}\nwhat to do: {error.action}", err=True)
        sys.exit(error.status)
