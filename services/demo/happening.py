"""What has happened, as the topics say it: the newest of it, by visitor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import orjson

from connectors.contracts import topics

READ = tuple(
    one.name for one in (topics.EVENTS_RAW, topics.SIGNALS, topics.TRIGGERS, topics.TRIGGERS_SUPPRESSED)
)
_KEPT, _SHOWN = 2_000, 40
_HEARTBEAT = b'"heartbeat"'
Document = dict[str, Any]


class Happening:
    """The newest events, signals and triggers; of one signal or trigger the newest document.

    >>> seen = Happening()
    >>> seen.take([(topics.EVENTS_RAW.name, b'{"event_id": "e-1", "anonymous_id": "d-1"}')])
    >>> [one["event_id"] for one in seen.of({"d-1"})["events"]], seen.of({"d-2"})["events"]
    (['e-1'], [])
    """

    def __init__(self) -> None:
        self.version = 0
        self._events: deque[Document] = deque(maxlen=_KEPT)
        self._documents: dict[str, dict[str, Document]] = {"signals": {}, "triggers": {}}

    def take(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Takes what was read: topic and value of each record."""
        for topic, value in messages:
            if topic != topics.EVENTS_RAW.name:
                self._take_document(topic, orjson.loads(value))
            elif (event := _event(value)) is not None:
                self._events.append(event)
                self.version += 1

    def of(self, ids: set[str]) -> dict[str, list[Document]]:
        """What is about one of these ids, the newest first."""
        shown: dict[str, list[Document]] = {"events": _newest(self._events, ids)}
        for kind, documents in self._documents.items():
            shown[kind] = _newest(documents.values(), ids)
        return shown

    def _take_document(self, topic: str, document: Document) -> None:
        is_signal = topic == topics.SIGNALS.name
        documents = self._documents["signals" if is_signal else "triggers"]
        name = document["signal_id"] if is_signal else document["trigger_id"]
        before = documents.pop(name, None)
        documents[name] = document if before is None or _is_newer(document, before) else before
        if len(documents) > _KEPT:
            documents.pop(next(iter(documents)))
        self.version += 1


def _event(value: bytes | None) -> Document | None:
    """The event; None for heartbeats and for what is none, as anybody may write to the raw topic.

    >>> _event(b'{"event_id": "e"}'), _event(b"[1]"), _event(b"{"), _event(None)
    ({'event_id': 'e'}, None, None, None)
    """
    try:
        found = orjson.loads(value) if value and _HEARTBEAT not in value else None
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _is_newer(document: Document, before: Document) -> bool:
    """A copy of what was due is never newer than its cancellation."""
    if "version" in document:
        return bool(document["version"] >= before["version"])
    return str(before["status"]) != "cancelled"


def _newest(rows: Iterable[Document], ids: set[str]) -> list[Document]:
    found = (row for row in reversed(list(rows)) if _is_of(row, ids))
    return list(islice(found, _SHOWN))


def _is_of(row: Document, ids: set[str]) -> bool:
    """Whether it is about one of the ids; in the raw topic an id may be anything.

    >>> _is_of({"visitor_id": ["a"], "anonymous_id": "b"}, {"b"}), _is_of({"visitor_id": {}}, {"b"})
    (True, False)
    """
    named = (row.get(name) for name in ("visitor_id", "anonymous_id"))
    return any(isinstance(one, str) and one in ids for one in named)
