"""What the commands of scripts/ share: how help looks, the settings, and how a failure is reported."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import psutil

from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.errors import INPUT, BadInput, FootfallError, plain_os
from jobs.settings import load
from stack.embedded import ADDRESSES, DEFAULT_WORKDIR

_TIMEOUT_MS = 10_000

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
def reported_failures() -> Iterator[None]:
    """Ends the process with two lines, not a trace: what is wrong, and what to do about it.

    The status is that of the error's class: 2 for wrong input, 1 for what has failed or does not answer. A
    file or folder that cannot be read or written is wrong input, wherever that shows.
    """
    try:
        yield
    except FootfallError as error:
        report(error)
        sys.exit(error.status)
    except OSError as error:
        if error.filename is None:
            raise
        report(BadInput(f"{error.filename}: {plain_os(error)}", "check the path and the rights to it"))
        sys.exit(INPUT)


def report(error: FootfallError) -> None:
    """Writes what is wrong and what to do about it, for people."""
    click.echo(f"error: {error.message}\nwhat to do: {error.action}", err=True)


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


def elasticsearch_ends(
    url: str | None, settings_file: Path | None, assignments: tuple[str, ...]
) -> ElasticsearchEnds:
    """Elasticsearch as the command line says, or that of a running scripts/run, or the setting's."""
    settings = load(settings_file, assignments, embedded_settings())
    return ElasticsearchEnds(
        url=url or settings.elasticsearch_url,
        api_key_file=settings.elasticsearch_api_key_file,
        ca_file=settings.elasticsearch_ca_file,
        timeout_ms=min(settings.elasticsearch_timeout_ms, _TIMEOUT_MS),
    )
