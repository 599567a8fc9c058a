"""The ledger as it can be read back: every message of the raw topic against what became of it.

What was read comes from the raw topic itself, what became of it from what landed: rejected and late messages
one by one, valid and duplicate ones by the job's own counts. Nothing here trusts one side for both.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.contracts import topics
from connectors.contracts.messages import read_written
from connectors.kafka.topic_reader import Message, read_topic
from jobs.offline.foreign_ledger import ForeignLedger

WINDOW_MS = 300_000
_HEARTBEAT = b'"event_type":"heartbeat"'  # as stack/runs/feed.py writes it
TopicOffset = tuple[str, int, int]  # topic, partition, offset
Read = Callable[[Mapping[str, str], str], Iterable[Message]]
_READ = (topics.EVENTS_RAW.name, *topics.EVENTS_RAW.read_with)  # what ingest reads


@dataclass
class Window:
    """Five minutes of arrival in one partition; every number counts messages, none of them heartbeats."""

    read: int = 0
    valid: int = 0
    duplicate: int = 0
    late: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def difference(self) -> int:
        """Read - (valid + rejected + duplicate + late); 0 is balanced."""
        return self.read - self.valid - self.duplicate - self.late - self.rejected.total()

    def to_document(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "read": self.read,
            "valid": self.valid,
            "duplicate": self.duplicate,
            "late": self.late,
            "rejected": dict(sorted(self.rejected.items())),
            "difference": self.difference(),
        }


@dataclass
class Ledger:
    """All windows, keyed by (window start in ms, partition).

    Attributes:
        windows: what was read and became of it.
        oversized: messages that were refused before the topic.
        foreign: what became of the messages of an adapter.
    """

    windows: dict[tuple[int, int], Window]
    oversized: int = 0
    foreign: ForeignLedger | None = None

    @property
    def balanced(self) -> bool:
        """Whether every window balances, and every foreign message is accounted for."""
        accounted = self.foreign is None or not self.foreign.unaccounted
        return accounted and all(window.difference() == 0 for window in self.windows.values())

    def total(self) -> Window:
        """The sum of all windows."""
        total = Window()
        for window in self.windows.values():
            for name in ("read", "valid", "duplicate", "late"):
                setattr(total, name, getattr(total, name) + getattr(window, name))
            total.rejected.update(window.rejected)
        total.read += self.oversized
        total.rejected.update({"oversized": self.oversized} if self.oversized else {})
        if self.foreign is not None:
            total.read += self.foreign.rejected.total()
            total.rejected.update(self.foreign.rejected)
        return total

    def to_document(self) -> dict[str, Any]:
        """The document of ledger.json."""
        total = self.total()
        rows = [
            {"window_start_ms": start, "partition": partition, **window.to_document()}
            for (start, partition), window in sorted(self.windows.items())
        ]
        return {
            "balanced": self.balanced,
            **total.to_document(),
            "rejected_total": total.rejected.total(),
            **({"foreign": self.foreign.to_document()} if self.foreign else {}),
            "windows": rows,
        }


def read_ledger(
    properties: Mapping[str, str], letters: Mapping[str, dict[str, Any]], read: Read = read_topic
) -> Ledger:
    """The ledger of everything in the raw topic.

    Args:
        properties: of a Kafka client.
        letters: the rejected documents by their id, see `read_letters`.
        read: reads a topic; to see the messages on their way.
    """
    windows: defaultdict[tuple[int, int], Window] = defaultdict(Window)
    _count_read(properties, windows, _late_offsets(read(properties, topics.EVENTS_LATE.name)), read)
    for entry in _entries(read(properties, topics.LEDGER.name)).values():
        if entry["verdict"] not in ("valid", "duplicate"):  # heartbeats
            continue
        window = windows[(entry["arrived_in_ms"], entry["partition"])]
        setattr(window, entry["verdict"], getattr(window, entry["verdict"]) + entry["events"])
    for letter in letters.values():
        if letter["topic"] in _READ:
            windows[_window(letter["timestamp_ms"], letter["partition"])].rejected[letter["reason"]] += 1
    oversized = sum(letter["topic"] == "file" for letter in letters.values())
    return Ledger(dict(windows), oversized)


def read_letters(properties: Mapping[str, str], read: Read = read_topic) -> dict[str, dict[str, Any]]:
    """The rejected documents by their id; one that was written twice counts once."""
    messages = read(properties, topics.EVENTS_REJECTED.name)
    return {message.key.decode(): orjson.loads(message.value) for message in messages}


def _count_read(
    properties: Mapping[str, str],
    windows: defaultdict[tuple[int, int], Window],
    late: set[TopicOffset],
    read: Read,
) -> None:
    """Counts what was read and what was late."""
    for topic in _READ:
        for message in read(properties, topic):
            if _HEARTBEAT in (message.value or b""):
                continue
            window = windows[_window(message.timestamp, message.partition)]
            window.read += 1
            window.late += (topic, message.partition, message.offset) in late


def _late_offsets(messages: Iterable[Message]) -> set[TopicOffset]:
    """Where late events were read; one that was written twice counts once."""
    return {_topic_offset(read_written(message.value)["source"]) for message in messages}


def _topic_offset(source: Mapping[str, Any]) -> TopicOffset:
    return source["topic"], source["partition"], source["offset"]


def _entries(messages: Iterable[Message]) -> dict[str, dict[str, Any]]:
    """The newest row of each entry: an open window is written again with a larger count."""
    newest: dict[str, dict[str, Any]] = {}
    for message in messages:
        entry = orjson.loads(message.value)
        known = newest.get(entry["entry_id"])
        if known is None or entry["events"] >= known["events"]:
            newest[entry["entry_id"]] = entry
    return newest


def _window(timestamp_ms: int, partition: int) -> tuple[int, int]:
    return timestamp_ms // WINDOW_MS * WINDOW_MS, partition
