"""The settings as the engine takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from jobs.settings import Settings
from jobs.wiring import VERSION
from state.options import Options

_NOT_SETTINGS = ("emits", "job_version")


def options(settings: Settings, emits: Iterable[str]) -> Options:
    """The engine's options.

    Args:
        settings: of the job.
        emits: kinds of documents that somebody reads.

    >>> options(Settings(), ["signal"]).session_gap_ms
    1800000
    """
    named = {field.name: settings[field.name] for field in fields(Options) if field.name not in _NOT_SETTINGS}
    return Options(**named, emits=frozenset(emits), job_version=VERSION)  # type: ignore[arg-type]
