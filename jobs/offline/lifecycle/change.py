"""Edited segments over history: the signals of moves, and where each visitor is now.

Signals are compared, cut over and swept as those of a changed rule are (jobs/offline/rules/change.py).
Besides, topic and index hold where a visitor is: `publish` brings both up to date for those that have moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk

from connectors.contracts import topics
from connectors.contracts.segments import Segment
from connectors.elasticsearch.indices import VISITORS
from connectors.errors import BadInput
from connectors.kafka.client import Properties
from connectors.kafka.topic_reader import read_topic
from connectors.kafka.writer import Writer
from connectors.keys import KeySource
from jobs.offline import backfill as engine_runs
from jobs.offline.backfill import Arrival, Pace
from jobs.offline.rules.change import Document, Signals, newest
from jobs.offline.rules.trial import options_of
from jobs.settings import Settings
from state.engine import Engine
from state.logic import Document as Made
from state.segments.language.folder import read
from udfs.logics import now_ms
from udfs.segments import segments_of

Places = dict[str, Document]  # by visitor; what footfall.segments holds
_MEMBERS = tuple(name for name in Segment.model_fields if name not in ("visitor_id", "version"))
_CHUNK = 500


class Answered(NamedTuple):
    """What segments make of a history."""

    signals: Signals
    places: Places


def backfill(
    history: Iterable[Arrival], folder: Path, settings: Settings, pace: Pace, are_judged: bool = False
) -> Answered:
    """What the segments of a folder say of a history, up to its newest event.

    Args:
        history: in order of arrival.
        folder: of segments, with their cut-offs.
        settings: of the job.
        pace: is told how fast it went.
        are_judged: the events come from a lake, where ids are pseudonyms already if they are to be.

    Raises:
        BadInput: there is no event in it.
    """
    hides = settings.pseudonymise and not are_judged
    key = KeySource(settings.pseudonym_key_file).read() if hides else None
    options = options_of(settings).replace(emits=frozenset(("signal", "segment")))
    engine = Engine(options, buckets=8, now_ms=now_ms, key=key, segments=segments_of(read(folder)))
    made = list(engine_runs.run(engine, history, settings.out_of_orderness_ms, pace))
    if not pace.events:
        raise BadInput(f"the history holds no valid event ({pace.refused} messages are none)")
    # A run goes to the end of time; what is due behind the newest event is for the running job to say.
    return _answered(made, pace.newest_ms)


def _answered(made: Iterable[Made], until: int) -> Answered:
    signals, places = [], {}
    for one in made:
        if one.version > until:
            continue
        if one.kind == "segment":
            places[one.key] = orjson.loads(one.body) if one.body else {}
        elif one.kind == "signal":
            signals.append(orjson.loads(one.body))
    found = newest(one for one in signals if one["kind"].startswith("segment_"))
    return Answered(found, {visitor: place for visitor, place in places.items() if place})


def moved(properties: Properties, places: Places) -> Places:
    """The places that are others than those in the topic, with versions that readers take for newer."""
    known: Places = {}
    for message in read_topic(properties, topics.SEGMENTS.name):
        known[message.key.decode()] = orjson.loads(message.value) if message.value else {}
    found = {}
    for visitor, place in places.items():
        before = known.get(visitor, {})
        if any(before.get(name) != place.get(name) for name in _MEMBERS):
            found[visitor] = {**place, "version": max(place["version"], before.get("version", -1) + 1)}
    return found


def publish(client: Elasticsearch, properties: Properties, places: Places) -> None:
    """Writes where visitors are: to the topic, and into their documents."""
    with closing(Writer(properties)) as writer:
        for visitor, place in places.items():
            writer.write(topics.SEGMENTS.name, orjson.dumps(place), visitor)
        writer.flush()
    for documents in _documents(client, sorted(places)):
        actions = (_action(one["_source"], places[one["_id"]]) for one in documents if one.get("found"))
        for done, item in streaming_bulk(client, actions, raise_on_error=False):
            if not done and item["index"]["status"] != 409:  # 409: the job has written a newer one
                raise BadInput(f"Elasticsearch refuses a visitor's document: {item['index']['error']}")
    client.indices.refresh(index=VISITORS.alias)


def _documents(client: Elasticsearch, visitors: list[str]) -> Iterator[list[Any]]:
    for start in range(0, len(visitors), _CHUNK):
        yield client.mget(index=VISITORS.alias, ids=visitors[start : start + _CHUNK])["docs"]


def _action(document: Document, place: Document) -> dict[str, Any]:
    others = {name: value for name, value in document.items() if name not in _MEMBERS}
    members = {name: place[name] for name in _MEMBERS if name in place}
    version = max(document["version"], place["version"])
    return {
        "_op_type": "index", "_index": VISITORS.alias, "_id": place["visitor_id"],
        "_source": {**others, **members, "version": version},
        "version": version, "version_type": "external_gte",
    }  # fmt: skip
