"""A submission to a cluster that was started elsewhere: jars, package, interpreter."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from jobs.settings import Settings
from stack import jars
from stack.console import new_console
from stack.embedded import DEFAULT_WORKDIR
from stack.fetching import RichProgress
from stack.flink_remote import RemoteFlink
from stack.package import pack
from stack.ports import LOOPBACK
from stack.runs.assignments import arguments


def python_at(url: str) -> str:
    """The default interpreter of the workers.

    >>> python_at("http://flink.example:8081")
    'python3'
    """
    return sys.executable if urlsplit(url).hostname in (LOOPBACK, "localhost") else "python3"


def submit(
    job: str, url: str, settings: Settings, python: str, from_savepoint: str | None, flags: Sequence[str]
) -> str:
    """Submits `jobs.<job>` with its code and jars; returns the job's id."""
    folder = (DEFAULT_WORKDIR / f"submit-{job}").resolve()
    with RichProgress(new_console()) as progress:
        connectors = jars.fetch("flink", None, progress)
        connectors += jars.fetch("lake", None, progress) if settings.archive_dir else []
    flink = RemoteFlink(url, connectors, folder, python)
    flink.prepare()
    return flink.run(
        f"jobs.{job}",
        pack(folder / "suite.zip"),
        arguments(settings),
        parallelism=settings.parallelism,
        from_savepoint=from_savepoint,
        flags=flags,
    )
