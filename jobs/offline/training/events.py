"""History as the engine takes it: messages in the order of event time, of the lake, a file or a generator."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from connectors.adapters import Adapted, adapt
from connectors.adapters.canonical import ADAPTER as _CANONICAL
from connectors.errors import BadInput
from connectors.files.messages import messages_of
from connectors.files.refusals import ANY_RECORD, Refusals, nothing_valid
from connectors.lake.reading import data_files, hours, message, read
from connectors.lake.tables import EVENTS
from connectors.wording import plainly
from state.events import Event, read_event
from state.vocabulary import HEARTBEAT

CANONICAL = _CANONICAL.name
_ORDER = ("event_time_ms", "sequence", "event_id")


class Events(Protocol):
    """The events of a shop.

    Attributes:
        are_judged: whether they passed DEVICES before: then they go to their visitors as they are.
    """

    are_judged: bool

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """(event time, message) in the order of time; as often as it is asked for."""

    def end_ms(self) -> int:
        """Time of the last event."""


class Messages:
    """Events of a file or a generator: what is none is left out, second copies are for the engine to find.

    >>> line = b'{"schema":"event/1","event_id":"e","event_type":"search","event_time_ms":5,"visitor_id":"v"}'
    >>> [at for at, _ in Messages([line.replace(b"5", b"7"), line, b"[]"]).messages()]
    [5, 7]
    """

    are_judged = False

    def __init__(self, values: Iterable[bytes]) -> None:
        """Takes them in any order.

        Raises:
            BadInput: no message is a valid event.
        """
        self._found = sorted((_with_sort_key(value) for value in values), key=lambda one: one[0])
        self._found = [one for one in self._found if one[0] >= 0]
        if not self._found:
            raise BadInput(
                "no valid event came", "give canonical events, one JSON object a line, or --adapter"
            )

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """In the order of time."""
        return iter(self._found)

    def end_ms(self) -> int:
        """Time of the last event."""
        return self._found[-1][0]


def _with_sort_key(value: bytes) -> tuple[int, bytes]:
    """The message behind its event time; behind -1 where it is no event."""
    event = read_event(value)
    return (event.event_time_ms if isinstance(event, Event) and event.kind != HEARTBEAT else -1), value


class Lake:
    """The events of a lake, an hour in memory at a time: they were judged before they came into it."""

    are_judged = True

    def __init__(self, folder: Path) -> None:
        """Looks whether there are any.

        Raises:
            BadInput: the folder is no lake, or an empty one.
        """
        self._hours = hours(folder, EVENTS)
        if next(self.messages(), None) is None:
            raise BadInput(
                f"{folder} holds no event yet: job archive shows a file when a checkpoint covers it"
            )

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """In the order of time, each event once."""
        for hour in self._hours:
            rows = read(EVENTS, data_files(hour)).unique("event_id").sort(_ORDER).collect()
            for row in rows.iter_rows(named=True):
                yield row["event_time_ms"], message(row).value

    def end_ms(self) -> int:
        """Time of the last event."""
        times = (
            read(EVENTS, data_files(hour)).select("event_time_ms").collect() for hour in self._hours[::-1]
        )
        return next(max(map(int, found["event_time_ms"])) for found in times if len(found))


def read_events(path: Path, adapter: str = CANONICAL) -> Events:
    """The events of a lake's folder, or of a JSON-lines file, plain or .gz.

    Args:
        path: the lake, or the file.
        adapter: what the messages of the file are; that of another tracker may be .csv and .json, too.

    Raises:
        BadInput: the path cannot be read or holds no valid event.
    """
    if path.is_dir():
        return Lake(path)
    if adapter != CANONICAL:
        return _adapted(path, adapter)
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return Messages(line.rstrip(b"\r\n") for line in file if line.strip())
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"{path} cannot be read: {plainly(error)}", "give a JSON-lines file, plain or .gz"
        ) from error


def _adapted(path: Path, adapter: str) -> Messages:
    """The events that an adapter makes of a file."""
    documents, refusals, count = list[bytes](), Refusals(), 0
    for line, payload in messages_of(path):
        count += 1
        for one in adapt(payload, adapter, ANY_RECORD):
            if isinstance(one, Adapted):
                documents.append(one.document)
            else:
                refusals.add(line, payload, one.verdict)
    if not documents:
        raise nothing_valid(path, adapter, count, refusals)
    return Messages(documents)
