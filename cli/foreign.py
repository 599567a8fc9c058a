"""A file of another tracker's messages: how it is read, fed, and accounted for."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cli.arrivals import lines_of
from cli.feed import Feeder
from cli.refusals import SOME_PLACE, Refusals, nothing_valid
from cli.topic_reader import read_topic
from connectors import topics
from connectors.adapters import AUTO, MAX_FOREIGN_BYTES, Adapted, adapt, read
from connectors.adapters.reading import Refused
from connectors.errors import BadInput

HEARTBEAT_MARK = b'"event_type":"heartbeat"'  # as adapters write it
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
        raise BadInput(f"{path} cannot be read: {error}; give a CSV file with a header") from error


def require_an_event(path: Path, adapter: str) -> None:
    """Checks that replaying the file makes sense.

    Raises:
        BadInput: the file cannot be read, or the adapter makes no event of it.
    """
    refusals, messages = Refusals(), 0
    for number, message in messages_of(path):
        messages += 1
        for one in adapt(message, adapter, SOME_PLACE):
            if isinstance(one, Adapted):
                return
            refusals.add(number, message, one.verdict)
    raise nothing_valid(path, adapter, messages, refusals)


def feed_foreign(properties: Mapping[str, str], path: Path, adapter: str) -> Feeder:
    """Writes every message to events.foreign; nobody knows when a file's messages came in.

    Raises:
        BadInput: the file cannot be read.
    """
    headers = {"received_at_ms": "unknown", **({} if adapter == AUTO else {"adapter": adapter})}
    feeder = Feeder(properties, topics.EVENTS_FOREIGN, max_bytes=MAX_FOREIGN_BYTES, headers=headers)
    for line, message in messages_of(path):
        feeder.send(message, None, line)
    feeder.flush()
    return feeder


@dataclass
class ForeignLedger:
    """Foreign messages against what became of them; every number counts events but `messages`.

    `automatic` are those that a tracker sends by itself: heartbeats in events.raw, which nobody counts there.
    """

    messages: int = 0
    events: int = 0
    automatic: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unaccounted: list[tuple[int, int, int]] = field(default_factory=list)  # partition, offset, index

    def to_document(self) -> dict[str, Any]:
        """As JSON takes it; of the unaccounted the first hundred."""
        return {
            "messages": self.messages,
            "events": self.events,
            "automatic": self.automatic,
            "rejected": dict(sorted(self.rejected.items())),
            "unaccounted": len(self.unaccounted),
            "unaccounted_first": self.unaccounted[:100],
        }


def foreign_ledger(properties: Mapping[str, str], letters: Mapping[str, dict[str, Any]]) -> ForeignLedger:
    """What became of every message of events.foreign.

    How many events a message holds is counted here, from the message itself; what became of them is counted
    where it landed: events in events.raw by the source they carry, refusals among the letters.
    """
    landed, automatic = _landed(properties, letters)
    ledger = ForeignLedger(automatic=automatic)
    ledger.rejected.update(letter["reason"] for letter in letters.values() if _is_foreign(letter))
    for message in read_topic(properties, topics.EVENTS_FOREIGN.name):
        ledger.messages += 1
        place = (message.partition(), message.offset())
        found = landed.get(place, set())
        for index in range(_events_in(message.value(), dict(message.headers() or []))):
            if index not in found:
                ledger.unaccounted.append((*place, index))
    ledger.events = sum(map(len, landed.values())) - ledger.rejected.total() - ledger.automatic
    return ledger


def _landed(
    properties: Mapping[str, str], letters: Mapping[str, dict[str, Any]]
) -> tuple[dict[tuple[int, int], set[int]], int]:
    """(indices of the events that landed, by message; how many of them are automatic)."""
    landed: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    automatic = set()
    for message in read_topic(properties, topics.EVENTS_RAW.name):
        source = source_of(message.value())
        if source is not None:
            landed[source["partition"], source["offset"]].add(source["index"])
            if HEARTBEAT_MARK in message.value():
                automatic.add((source["partition"], source["offset"], source["index"]))
    for letter in letters.values():
        if _is_foreign(letter):
            landed[letter["partition"], letter["offset"]].add(letter.get("index") or 0)
    return dict(landed), len(automatic)


def source_of(value: bytes | None) -> dict[str, Any] | None:
    """Where the event of a raw record came from, when `adapt` made it."""
    if not value or b'"footfall.events.foreign"' not in value:
        return None
    try:
        # Not orjson: an event may carry a number that no double holds.
        source = json.loads(value)["source"]
    except (ValueError, KeyError, TypeError):
        return None
    is_whole = isinstance(source, dict) and {"topic", "partition", "offset", "index"} <= set(source)
    return source if is_whole and source["topic"] == topics.EVENTS_FOREIGN.name else None


def _is_foreign(letter: Mapping[str, Any]) -> bool:
    return bool(letter["topic"] == topics.EVENTS_FOREIGN.name)


def _events_in(payload: bytes | None, headers: Mapping[str, bytes | None]) -> int:
    """How many events the message holds; one refusal is all that becomes of a message without any."""
    name = (headers.get("adapter") or AUTO.encode()).decode("utf-8", "replace")
    try:
        document, adapter = read(payload, name)
        return len(adapter.elements(document).rows)
    except Refused:
        return 1
    except (TypeError, ValueError, AttributeError, KeyError):
        return 1
