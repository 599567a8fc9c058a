"""Puts events into the raw topic: lines of a file, records of the generated shop, heartbeats."""

from __future__ import annotations

import gzip
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Producer

from connectors import topics
from connectors.errors import BadInput
from connectors.events import HEARTBEAT_TYPE, MAX_EVENT_BYTES, SCHEMA, validate_event
from connectors.rejected import Reject, Rejected
from jobs.wiring import VERSION

_QUEUE_MESSAGES = 200_000


class Feeder:
    """Writes to events.raw and remembers where each record went.

    It chooses the partition itself (by visitor, so that a visitor's events keep their order) and counts the
    offsets of each partition, which holds as long as nobody else writes to the topic.
    """

    def __init__(self, properties: Mapping[str, str], partitions: int = topics.EVENTS_RAW.partitions) -> None:
        self._producer = Producer(
            {
                **properties,
                "enable.idempotence": True,
                "linger.ms": 5,
                "batch.size": 400_000,
                "queue.buffering.max.messages": _QUEUE_MESSAGES,
                "message.max.bytes": MAX_EVENT_BYTES + 10_000,
            }
        )
        self._lines = [array("Q") for _ in range(partitions)]
        self.oversized = 0

    @property
    def written(self) -> int:
        """Records written to the raw topic, heartbeats included."""
        return sum(len(lines) for lines in self._lines)

    def line_of(self, partition: int, offset: int) -> int | None:
        """The line of the file whose record lies there; None when it was none of a file."""
        lines = self._lines[partition]
        return lines[offset] or None if offset < len(lines) else None

    def send(self, value: bytes | None, key: str | None, line: int = 0) -> None:
        """Writes one record; one that no topic takes becomes a dead letter at the door."""
        if value is not None and len(value) > MAX_EVENT_BYTES:
            self._refuse_oversized(value, line)
            return
        partition = zlib.crc32((key or str(line)).encode("utf-8", "replace")) % len(self._lines)
        self._write(topics.EVENTS_RAW.name, value=value, key=key, partition=partition)
        self._lines[partition].append(line)

    def heartbeat(self, event_time_ms: int, name: str) -> None:
        """Writes an event to every partition that only moves event time on."""
        for partition in range(len(self._lines)):
            self._write(topics.EVENTS_RAW.name, heartbeat(event_time_ms, f"{name}-{partition}"), None, partition)
            self._lines[partition].append(0)

    def flush(self) -> None:
        """Waits until the broker has everything."""
        self._producer.flush()

    def _write(self, topic: str, value: bytes | None, key: str | None, partition: int) -> None:
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, partition=partition)
            except BufferError:
                self._producer.poll(0.05)
            else:
                self._producer.poll(0)
                return

    def _refuse_oversized(self, value: bytes, line: int) -> None:
        self.oversized += 1
        verdict = Reject("oversized", None, f"at most {MAX_EVENT_BYTES} bytes are allowed, {len(value)} came")
        document = Rejected.of(
            verdict, value[:1000], topic="file", partition=0, offset=line, timestamp_ms=0, adapter="canonical",
            job_version=VERSION,
        ).to_document()  # fmt: skip
        self._write(topics.EVENTS_REJECTED.name, orjson.dumps(document), f"file:0:{line}", 0)


def heartbeat(event_time_ms: int, event_id: str) -> bytes:
    """An event that only moves event time on.

    >>> orjson.loads(heartbeat(5, "h"))["event_type"]
    'heartbeat'
    """
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "event_id": event_id,
            "event_type": HEARTBEAT_TYPE,
            "event_time_ms": event_time_ms,
            "visitor_id": HEARTBEAT_TYPE,
        }
    )


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
        raise BadInput(f"{path} cannot be read: {error}; give a JSON-lines file, plain or .gz") from error


def require_an_event(path: Path) -> None:
    """Checks that replaying the file makes sense.

    Raises:
        BadInput: the file cannot be read, or no line of it is a valid event.
    """
    lines = 0
    for _, line in lines_of(path):
        lines += 1
        if not isinstance(validate_event(line), Reject):
            return
    raise BadInput(f"{path} holds no valid event in {lines} lines; is it of another adapter?")


def key_and_time(line: bytes) -> tuple[str | None, int]:
    """(visitor_id, event_time_ms) as far as the line has them, to choose a partition and to end event time.

    >>> key_and_time(b'{"visitor_id": "v", "event_time_ms": 7}'), key_and_time(b"[")
    (('v', 7), (None, 0))
    """
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None, 0
    if not isinstance(document, dict):
        return None, 0
    key, time_ms = document.get("visitor_id"), document.get("event_time_ms")
    return (key if isinstance(key, str) else None), (time_ms if type(time_ms) is int else 0)
