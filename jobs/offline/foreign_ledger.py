"""Foreign messages against what became of them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.adapters import AUTO, read
from connectors.adapters.reading import Refused
from connectors.contracts import topics
from connectors.kafka.topic_reader import read_topic

HEARTBEAT_MARK = b'"event_type":"heartbeat"'  # as adapters write it


@dataclass
class ForeignLedger:
    """Foreign messages against what became of them; every number counts events but `messages`.

    `automatic` are those that a tracker sends by itself: heartbeats in events.raw, not counted there.
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
        position = (message.partition, message.offset)
        found = landed.get(position, set())
        for index in range(_events_in(message.value, dict(message.headers or []))):
            if index not in found:
                ledger.unaccounted.append((*position, index))
    ledger.events = sum(map(len, landed.values())) - ledger.rejected.total() - ledger.automatic
    return ledger


def _landed(
    properties: Mapping[str, str], letters: Mapping[str, dict[str, Any]]
) -> tuple[dict[tuple[int, int], set[int]], int]:
    """(indices of the events that landed, by message; how many of them are automatic)."""
    landed: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    automatic = set()
    for message in read_topic(properties, topics.EVENTS_RAW.name):
        source = source_of(message.value)
        if source is not None:
            landed[source["partition"], source["offset"]].add(source["index"])
            if HEARTBEAT_MARK in message.value:
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
