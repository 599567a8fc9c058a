"""The events over which a changed rule is answered anew: of a file, of a lake, or what topics still keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from cli.feed import lines_of
from cli.topic_reader import read_topic
from connectors import lake, topics
from connectors.errors import BadInput
from jobs import ends
from jobs.settings import Settings

Document = dict[str, Any]
_TOPICS = (topics.EVENTS_RAW.name, *topics.EVENTS_RAW.read_with)


def history_of(place: Path | None, settings: Settings) -> Iterator[Document]:
    """Events in order of arrival, each with received_at_ms; of a lake in order of time, so that none is late.

    Args:
        place: JSON lines, plain or .gz; the folder of a lake; None: the raw topics, up to their ends of now.
        settings: where Kafka is.

    Raises:
        BadInput: the file or folder cannot be read.
        BrokerUnavailable: Kafka does not answer.
    """
    if place is None:
        return of_topics(settings)
    return of_lake(place) if place.is_dir() else of_file(place)


def of_file(path: Path) -> Iterator[Document]:
    """A line without a time of arrival has its predecessor's."""
    received_ms = 0
    for number, line in lines_of(path):
        try:
            event = orjson.loads(line)
            received_ms = int(event.get("received_at_ms") or received_ms or event["event_time_ms"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{path}:{number}: not an event: {error}; history holds valid events") from error
        yield {**event, "received_at_ms": received_ms}


def of_lake(folder: Path) -> Iterator[Document]:
    """Events that were valid once; an hour at a time is in memory."""
    for message in lake.messages(folder):
        yield {**orjson.loads(message.value), "received_at_ms": message.timestamp_ms}


def of_topics(settings: Settings) -> Iterator[Document]:
    """Messages that are JSON objects; INGEST judges them again. All are in memory, to be put in order."""
    properties = ends.kafka("rules", settings).client_properties()
    read = (message for topic in _TOPICS for message in read_topic(properties, topic))
    arrivals = [
        (message.timestamp()[1], message.partition(), message.offset(), message.value()) for message in read
    ]
    for received_ms, _, _, value in sorted(arrivals, key=lambda arrival: arrival[:3]):
        if (event := _object(value)) is not None:
            yield {**event, "received_at_ms": received_ms}


def _object(value: bytes | None) -> Document | None:
    try:
        found = orjson.loads(value or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
