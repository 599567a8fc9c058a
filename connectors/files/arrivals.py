"""The lines of a replayed file: what is known of each, and in which order they come in. No Kafka in it.

A file whose lines say when they came in is fed as it came in: late stays late. A file that says nothing of
receipt is history: it is put in the order in which things happened, as the adapters do. So a phone whose
clock is a year ahead, in the middle of the file, makes nothing late behind it; what it sent comes last.
"""

from __future__ import annotations

import gzip
import tempfile
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import orjson

from connectors.contracts.events import visitor_of
from connectors.contracts.messages import integer_of, text_of
from connectors.errors import BadInput
from connectors.wording import plainly

EARLIEST_MS = 631_152_000_000  # 1990: an earlier received_at_ms is no time


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, bytes without the line's end) of every line that is not blank; .gz is unpacked.

    Raises:
        BadInput: the file does not exist, cannot be read or is no whole gzip file.
    """
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip(b"\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"{path} cannot be read: {plainly(error)}", "give a JSON-lines file, plain or .gz"
        ) from error


class Line(NamedTuple):
    """What a replay needs to know of a line: whose it is, when it happened, when it came in; 0 = unknown."""

    key: str | None
    event_time_ms: int
    received_at_ms: int


def look_at(line: bytes) -> Line:
    """The line's key and times as far as it has them.

    >>> look_at(b'{"anonymous_id": "a", "event_time_ms": 7.0}'), look_at(b"[")
    (Line(key='a', event_time_ms=7, received_at_ms=0), Line(key=None, event_time_ms=0, received_at_ms=0))
    """
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _UNKNOWN
    if not isinstance(document, dict):
        return _UNKNOWN
    whose, no_id = visitor_of(document), (bool, list, dict)
    times = (integer_of(document.get(name)) or 0 for name in ("event_time_ms", "received_at_ms"))
    return Line(None if whose is None or isinstance(whose, no_id) else text_of(whose), *times)


_UNKNOWN = Line(None, 0, 0)


def received(line: Line) -> int:
    """When the line came in; 0 where it does not say so, or says what cannot be.

    >>> received(Line("v", 5, 1_700_000_000_000)), received(Line("v", 5, 12))
    (1700000000000, 0)
    """
    return line.received_at_ms if EARLIEST_MS <= line.received_at_ms <= time.time() * 1000 else 0


@dataclass
class Arrivals:
    """What a first look at a file has found.

    Attributes:
        path: of the file.
        out_of_order: lines that happened before one above them.
        says_when: whether some line says when it came in.
    """

    path: Path
    out_of_order: int = 0
    says_when: bool = False
    _numbers: array[int] = field(default_factory=lambda: array("q"))
    _times: array[int] = field(default_factory=lambda: array("q"))

    @classmethod
    def of(cls, path: Path) -> Arrivals:
        """Looks at a file of JSON lines, plain or .gz, up to the first line that says when it came in.

        Raises:
            BadInput: the file cannot be read.
        """
        found, newest_ms, last_ms = cls(path), 0, 0
        for number, line in lines_of(path):
            seen = look_at(line)
            if received(seen):
                found.says_when = True
                break
            last_ms = seen.event_time_ms or last_ms  # what cannot be read stays where it is
            found.out_of_order += last_ms < newest_ms
            newest_ms = max(newest_ms, last_ms)
            found._numbers.append(number)
            found._times.append(last_ms)
        return found

    @property
    def is_history(self) -> bool:
        """Whether the file is put in order of time."""
        return not self.says_when and self.out_of_order > 0

    def count(self) -> int:
        """How many lines there are."""
        return sum(1 for _ in lines_of(self.path)) if self.says_when else len(self._numbers)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """(line number from 1, line) of every line, as they are to be fed.

        Raises:
            BadInput: the file cannot be read.
        """
        if not self.is_history:
            yield from lines_of(self.path)
            return
        order = np.argsort(np.frombuffer(self._times, dtype=np.int64), kind="stable")
        with tempfile.TemporaryFile() as unpacked:
            starts = _unpack(self.path, unpacked)
            for index in order.tolist():
                unpacked.seek(starts[index])
                yield self._numbers[index], unpacked.read(starts[index + 1] - starts[index])


def _unpack(path: Path, target: IO[bytes]) -> array[int]:
    """Writes the lines behind one another; returns where each begins, and last where the last one ends."""
    starts = array("q", [0])
    for _, line in lines_of(path):
        target.write(line)
        starts.append(starts[-1] + len(line))
    return starts
