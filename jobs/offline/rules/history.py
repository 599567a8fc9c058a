"""The events over which a changed rule is answered anew: of a file, of a lake, or what topics still keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.contracts import topics
from connectors.files.arrivals import Arrivals
from connectors.kafka.topic_reader import read_topic
from connectors.lake import reading as lake
from jobs import ends
from jobs.offline.backfill import Arrival
from jobs.settings import Settings
from state.logic import SourcePosition

_TOPICS = (topics.EVENTS_RAW.name, *topics.EVENTS_RAW.read_with)


History = Callable[[], Iterator[Arrival]]


def history_of(source: Path | None, settings: Settings) -> History:
    """Events in order of arrival; of a lake, and of a file that says nothing of it, in order of time.

    They can be gone through more than once; what topics hold is read now, and kept in memory.

    Args:
        source: JSON lines, plain or .gz; the folder of a lake; None: the raw topics, up to their ends of now.
        settings: where Kafka is.

    Raises:
        BadInput: the file or folder cannot be read.
        BrokerUnavailable: Kafka does not answer.
    """
    if source is None:
        return of_topics(settings)
    return of_lake(source) if source.is_dir() else of_file(source)


def of_file(path: Path) -> History:
    """The lines as a replay would feed them."""
    found = Arrivals.of(path)
    return lambda: (Arrival(line) for _, line in found.lines())


def of_lake(folder: Path) -> History:
    """Events that were valid once; an hour at a time is in memory."""
    return lambda: (Arrival(message.value) for message in lake.messages(folder))


def of_topics(settings: Settings) -> History:
    """All messages, which the engine judges again, put in order of arrival."""
    properties = ends.kafka("rules", settings).client_properties()
    found = [
        Arrival(
            message.value,
            SourcePosition(topic, message.partition, message.offset, message.timestamp),
        )
        for topic in _TOPICS
        for message in read_topic(properties, topic)
    ]
    found.sort(key=_moment)
    return lambda: iter(found)


def _moment(arrival: Arrival) -> tuple[int, str, int, int]:
    position = arrival.position
    assert position is not None  # noqa: S101 - for the type checker
    return position.timestamp_ms, position.topic, position.partition, position.offset
