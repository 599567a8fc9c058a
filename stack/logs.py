"""Reading the tail of a server's log, to say in an error what probably went wrong."""

from __future__ import annotations

import re
from pathlib import Path

_TAIL_BYTES = 256 * 1024
_PORT_IN_USE = re.compile(
    r"address already in use|BindException|Could not start rest endpoint on any port", re.I
)
_OUT_OF_MEMORY = re.compile(r"OutOfMemoryError|Cannot allocate memory|There is insufficient memory", re.I)
_CAUSE = re.compile(r"Caused by:|\bERROR\b|\bFATAL\b|Exception\b|Error:", re.I)


def last_lines(log: Path, count: int) -> list[str]:
    """The last `count` non-empty lines of a log; empty when there is no log yet."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]


def port_was_taken(log: Path) -> bool:
    """Whether the log says that the server's port was in use."""
    return any(_PORT_IN_USE.search(line) for line in last_lines(log, 200))


def likely_cause(log: Path) -> str:
    """The line of the log's tail that most likely names the cause; else its last line."""
    lines = last_lines(log, 200)
    for pattern in (_OUT_OF_MEMORY, _PORT_IN_USE, _CAUSE):
        found = [line for line in lines if pattern.search(line)]
        if found:
            return found[-1].strip()
    return lines[-1].strip() if lines else "the log is empty"
