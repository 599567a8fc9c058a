"""A file of another tracker's messages is fed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connectors.adapters import AUTO, MAX_FOREIGN_BYTES
from connectors.contracts import topics
from connectors.files.messages import messages_of
from stack.runs.feed import Feeder


def feed_foreign(properties: Mapping[str, str], path: Path, adapter: str) -> Feeder:
    """Writes every message to events.foreign; when a file's messages came in is unknown.

    Raises:
        BadInput: the file cannot be read.
    """
    headers = {"received_at_ms": "unknown", **({} if adapter == AUTO else {"adapter": adapter})}
    feeder = Feeder(properties, topics.EVENTS_FOREIGN, max_bytes=MAX_FOREIGN_BYTES, headers=headers)
    for line, message in messages_of(path):
        feeder.send(message, None, line)
    feeder.flush()
    return feeder
