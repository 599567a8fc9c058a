"""Reads the SQL statements of `jobs/sql/`: one statement a file, values only through typed placeholders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

Value = int | float | str
_NAME = re.compile(r"[a-z_]+/[a-z_]+")
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")  # a bare $ is text: JSON paths begin with it
_VIEW = re.compile(r"[a-z][a-z0-9_]*")


def statement(name: str, values: Mapping[str, Value] | None = None) -> str:
    """Returns the text of `jobs/sql/<name>.sql` with its `${placeholders}` filled in.

    Placeholders take numbers or the name of a view, so that no text from outside can become SQL. One that
    ends in `_interval` is milliseconds, written as an INTERVAL of DAY TO SECOND(3) wants them: the planner
    refuses intervals of seconds with more than two leading digits.

    >>> statement("documents/documents").splitlines()[0][:13]
    '-- documents:'
    >>> statement("read/watermark", {"out_of_orderness_interval": 2000}).splitlines()[4].strip()
    "THEN ts - INTERVAL '0 00:00:02.000' DAY TO SECOND(3) - INTERVAL '0.001' SECOND(1, 3)"

    Raises:
        KeyError: a placeholder has no value.
        ValueError: the name is no `folder/file`, or a value is neither a number nor a view's name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a statement's name must be folder/file in lower case; got {name!r}")
    text = files("jobs").joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")
    filled = {key: _literal(key, value) for key, value in (values or {}).items()}
    return _PLACEHOLDER.sub(lambda found: filled[found[1]], text)


def _literal(key: str, value: Value) -> str:
    if isinstance(value, str) and _VIEW.fullmatch(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"SQL placeholder {key!r} takes a number or the name of a view; got {value!r}")
    return _interval(int(value)) if key.endswith("_interval") else str(int(value))


def _interval(milliseconds: int) -> str:
    """`D HH:MM:SS.mmm`, at most 99 days."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    if not 0 <= day <= 99:
        raise ValueError(f"an interval in SQL is at most 99 days; got {milliseconds} ms")
    return f"{day} {hour:02}:{minute:02}:{second:02}.{rest:03}"
