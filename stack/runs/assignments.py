"""Settings as arguments of a job's `main`."""

from __future__ import annotations

from pathlib import Path

from jobs.settings import Settings, Value

# Read on this side, or by every process of this machine; `flink run` works in a folder of its own.
_LOCAL_FILES = frozenset({"kafka_properties_file", "model_dir"})


def arguments(settings: Settings) -> list[str]:
    """`--set name=value` for every setting that differs from its default; secrets never travel.

    >>> arguments(Settings(bounded=True, session_gap_ms=5))
    ['--set', 'bounded=true', '--set', 'session_gap_ms=5']
    """
    return [
        argument
        for name, value in settings.changed().items()
        for argument in ("--set", f"{name}={_text(name, value)}")
    ]


def _text(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(Path(str(value)).resolve()) if name in _LOCAL_FILES else str(value)
