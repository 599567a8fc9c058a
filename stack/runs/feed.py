"""Puts messages into a topic: lines of a file, records of the generated shop, heartbeats."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Mapping
from pathlib import Path

import orjson

from connectors.contracts import topics
from connectors.contracts.events import SCHEMA, validate_event
from connectors.contracts.messages import MAX_EVENT_BYTES
from connectors.contracts.rejected import Reject, Rejected
from connectors.contracts.vocabulary import HEARTBEAT_TYPE
from connectors.errors import BadInput
from connectors.files.arrivals import Line as Line
from connectors.files.arrivals import lines_of as lines_of
from connectors.files.arrivals import look_at as look_at
from connectors.files.refusals import Refusals, nothing_valid
from connectors.kafka.writer import Writer
from connectors.lake import reading as lake
from jobs.wiring import VERSION

_BATCH_BYTES = 400_000


class Feeder:
    """Writes to events.raw, or to the topic given, and remembers where each record went.

    It chooses the partition itself (by visitor, so that a visitor's events keep their order) and counts the
    offsets of each partition, which holds as long as there is no other writer of the topic.

    Attributes:
        oversized: records that were refused at the door.
        newest_ms: event time of a file's newest event; 0 while it is not known.
    """

    def __init__(
        self,
        properties: Mapping[str, str],
        topic: topics.Topic = topics.EVENTS_RAW,
        taken: int = 0,
        max_bytes: int = MAX_EVENT_BYTES,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Opens the producer.

        Args:
            properties: of a Kafka client.
            topic: to write to.
            taken: records that each partition holds already.
            max_bytes: a larger record is refused at the door.
            headers: of every record.
        """
        self._topic, self._max_bytes = topic, max_bytes
        self._headers = [(name, value.encode()) for name, value in (headers or {}).items()]
        self._writer = Writer(
            properties, linger_ms=5, batch_size=_BATCH_BYTES, max_request_size=max_bytes + 10_000
        )
        self._lines = [array("Q", [0] * taken) for _ in range(topic.partitions)]
        self.oversized, self.newest_ms = 0, 0

    @property
    def written(self) -> int:
        """Records written to the topic, heartbeats included."""
        return sum(len(lines) for lines in self._lines)

    def line_of(self, partition: int, offset: int) -> int | None:
        """The line of the file whose record lies there; None when it was none of a file."""
        lines = self._lines[partition]
        return lines[offset] or None if offset < len(lines) else None

    def send(self, value: bytes | None, key: str | None, line: int = 0, timestamp_ms: int = 0) -> None:
        """Writes one record; one that no topic takes becomes a dead letter at the door.

        Args:
            value: the record's value; None is a record without one.
            key: the visitor's id, as far as it is known.
            line: of the file that is replayed; 0 for none.
            timestamp_ms: the record's timestamp; 0 is now.
        """
        if value is not None and len(value) > self._max_bytes:
            self._refuse_oversized(value, line)
            return
        partition = zlib.crc32((key or str(line)).encode("utf-8", "replace")) % len(self._lines)
        self._write(self._topic.name, value, key, partition, timestamp_ms)
        self._lines[partition].append(line)

    def heartbeat(self, event_time_ms: int, name: str, timestamp_ms: int = 0) -> None:
        """Writes an event to every partition, also of topics read with it, that only moves time on."""
        for partition in range(len(self._lines)):
            value = heartbeat(event_time_ms, f"{name}-{partition}")
            self._write(self._topic.name, value, None, partition, timestamp_ms)
            self._lines[partition].append(0)
        for other in map(topics.topic, self._topic.read_with):
            for partition in range(other.partitions):
                value = heartbeat(event_time_ms, f"{name}-{other.name}-{partition}")
                self._write(other.name, value, None, partition, timestamp_ms)

    def flush(self) -> None:
        """Waits until the broker has everything.

        Raises:
            BrokerUnavailable: it does not take it.
        """
        self._writer.flush()

    def _write(
        self, topic: str, value: bytes | None, key: str | None, partition: int, timestamp_ms: int = 0
    ) -> None:
        self._writer.write(
            topic, value, key, partition=partition, timestamp_ms=timestamp_ms, headers=self._headers
        )

    def _refuse_oversized(self, value: bytes, line: int) -> None:
        self.oversized += 1
        verdict = Reject("oversized", None, f"at most {self._max_bytes} bytes are allowed, {len(value)} came")
        document = Rejected.of(
            verdict,
            value[:1000],
            topic="file",
            partition=0,
            offset=line,
            timestamp_ms=0,
            adapter="canonical",
            job_version=VERSION,
        ).to_document()
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


def require_an_event(path: Path) -> None:
    """Checks that replaying the file, or the lake when it is a folder, makes sense.

    Raises:
        BadInput: the file cannot be read, or no line of it is a valid event.
    """
    if path.is_dir():
        if next(lake.messages(path), None) is None:
            raise BadInput(f"{path} holds no events", "give the archive_dir of a job that has written some")
        return
    refusals, lines = Refusals(), 0
    for number, line in lines_of(path):
        lines += 1
        verdict = validate_event(line)
        if not isinstance(verdict, Reject):
            return
        refusals.add(number, line, verdict)
    raise nothing_valid(path, "canonical", lines, refusals)
