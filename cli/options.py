"""What the commands of scripts/ share: how help looks, the settings, and how a failure is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import psutil

from connectors.errors import EndUnavailable, FootfallError
from stack.embedded import ADDRESSES, DEFAULT_WORKDIR
from stack.errors import StackError

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_Command = TypeVar("_Command", bound=Callable[..., Any])


def settings_options(command: _Command) -> _Command:
    """Adds `--settings FILE` and `--set NAME=VALUE`, as `settings_file` and `assignments`."""
    file = click.option(
        "--settings", "settings_file", type=click.Path(path_type=Path), help="TOML file of settings."
    )
    one = click.option(
        "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="One setting; repeatable."
    )
    return file(one(command))


@contextmanager
def failures_told() -> Iterator[None]:
    """Ends the process with one line, not a trace: status 2 for wrong input, 1 for what does not answer."""
    try:
        yield
    except (FootfallError, StackError) as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(1 if isinstance(error, (EndUnavailable, StackError)) else 2)


def embedded_addresses(workdir: Path = DEFAULT_WORKDIR) -> dict[str, str]:
    """Addresses of kafka, elasticsearch and flink of the stack that runs in a folder; empty if none does."""
    try:
        found = json.loads((workdir / ADDRESSES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not psutil.pid_exists(found.pop("process", -1)):
        return {}
    return {part: str(address) for part, address in found.items()}


def embedded_settings() -> dict[str, Any]:
    """The settings that point to the stack that scripts/run started; empty if none runs."""
    names = {"kafka": "kafka_bootstrap_servers", "elasticsearch": "elasticsearch_url"}
    addresses = embedded_addresses()
    return {name: addresses[part] for part, name in names.items() if part in addresses}
