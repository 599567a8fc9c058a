"""A file of another tracker's messages: JSON lines, CSV, or one document."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from connectors.adapters import Adapted, adapt
from connectors.errors import BadInput
from connectors.files.arrivals import lines_of
from connectors.files.refusals import ANY_RECORD, Refusals, nothing_valid
from connectors.wording import plainly

_NEVER_READ = 10_000_000  # bytes of one CSV field


def messages_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line, message) of every message of a file, plain or .gz.

    .csv: a row is an object of its columns. .json: the whole file is one message. Else a line is a message.

    Raises:
        BadInput: the file cannot be read.
    """
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if kind == ".csv":
        yield from _rows(path)
    elif kind == ".json":
        yield 1, b"\n".join(line for _, line in lines_of(path))
    else:
        yield from lines_of(path)


def _rows(path: Path) -> Iterator[tuple[int, bytes]]:
    csv.field_size_limit(_NEVER_READ)
    try:
        opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", errors="replace", newline="") as text:
            rows = csv.DictReader(text, restkey="more_columns")
            for row in rows:
                yield rows.line_num, orjson.dumps(row)
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise BadInput(f"{path} cannot be read: {plainly(error)}", "give a CSV file with a header") from error


def require_an_event(path: Path, adapter: str) -> None:
    """Checks that replaying the file makes sense.

    Raises:
        BadInput: the file cannot be read, or the adapter makes no event of it.
    """
    refusals, messages = Refusals(), 0
    for number, message in messages_of(path):
        messages += 1
        for one in adapt(message, adapter, ANY_RECORD):
            if isinstance(one, Adapted):
                return
            refusals.add(number, message, one.verdict)
    raise nothing_valid(path, adapter, messages, refusals)
