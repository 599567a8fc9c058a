"""What the engine, without Flink, makes of the very messages that a deployment's topics hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.kafka.topic_reader import read_topic
from jobs import devices, visitors
from jobs.active_rules import active_rules, active_segments
from jobs.settings import Settings
from jobs.wiring import VERSION
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from state.engine import Engine
from state.logic import Document as Row
from state.logic import Out, SourcePosition
from state.options import Options
from state.visitors.scoring import BatchScorer
from udfs.models import batched, opened
from udfs.rules import compiled
from udfs.segments import segments_of

Document = dict[str, Any]
ById = dict[str, Document]
# Kinds of documents and the index of each.
INDEXED = {
    "session": indices.SESSIONS, "signal": indices.SIGNALS, "visitor": indices.VISITORS, "alias": indices.ALIASES,
}  # fmt: skip
_DIGITS = 5  # a model's last digits depend on how many are asked at once


class Message(NamedTuple):
    """A record of the raw topic."""

    value: bytes
    position: SourcePosition

    @property
    def at(self) -> int:
        """Its event time; only for messages that are events."""
        return int(orjson.loads(self.value)["event_time_ms"])


def messages(deployment: Deployment) -> list[Message]:
    """All that ingest reads."""
    found = []
    for topic in (topics.EVENTS_RAW.name, *topics.EVENTS_RAW.read_with):
        for one in read_topic(deployment.kafka_properties, topic):
            position = SourcePosition(topic, one.partition, one.offset, one.timestamp)
            found.append(Message(one.value or b"", position))
    return found


def at_the_end(deployment: Deployment) -> Out:
    """What becomes of the messages when none is late and time has ended."""
    settings, found = deployment.settings, messages(deployment)
    positions = [one.position for one in found]
    return engine(settings).run([one.value for one in found], settings.slice_ms, positions)


def up_to(found: Iterable[Message], settings: Settings, until_ms: int) -> Out:
    """What becomes of messages that are all events, none of them late, when event time has come so far."""
    slices, out = defaultdict(list), Out()
    for one in found:
        slices[one.at // settings.slice_ms].append(one)
    asked = engine(settings)
    for number in sorted(slices):
        part = slices[number]
        values, positions = [one.value for one in part], [one.position for one in part]
        out.documents += asked.take(values, positions, (number + 1) * settings.slice_ms).documents
    out.documents += asked.take([], [], until_ms).documents
    return out


def engine(settings: Settings) -> Engine:
    """The engine that the suite hosts with these settings."""
    chosen = Options.of(settings, {*devices.EMITS, *visitors.EMITS}, VERSION)
    scorer = _scorer(settings) if settings.scoring else None
    pack, segments = compiled(active_rules(settings), chosen), segments_of(active_segments(settings))
    return Engine(chosen, pack, scorer, settings.buckets, segments=segments)


def _scorer(settings: Settings) -> BatchScorer:
    return batched(opened(settings.model_dir))


def newest(rows: Iterable[Row]) -> dict[str, ById]:
    """The newest version of each document, by kind and id, as the index should hold it."""
    found: dict[str, ById] = {kind: {} for kind in INDEXED}
    versions: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.kind in found and row.version >= versions.get((row.kind, row.id), 0):
            found[row.kind][row.id] = plain(orjson.loads(row.body))
            versions[row.kind, row.id] = row.version
    return found


def indexed(deployment: Deployment) -> dict[str, ById]:
    """What the index holds, by kind and id."""
    return {
        kind: {one[index.id_field]: plain(one) for one in documents(deployment.client, index.alias)}
        for kind, index in INDEXED.items()
    }


def plain(document: Any) -> Any:
    """A document without what the wall clock says, and without a model's last digits."""
    if isinstance(document, dict):
        return {name: plain(value) for name, value in document.items() if name != "detected_at_ms"}
    if isinstance(document, list):
        return [plain(value) for value in document]
    return round(document, _DIGITS) if isinstance(document, float) else document


def differences(found: dict[str, ById], wanted: dict[str, ById]) -> list[str]:
    """What differs, a line each; for people who look for the reason."""
    return [line for kind in wanted for line in _of_kind(kind, found[kind], wanted[kind])]


def _of_kind(kind: str, found: ById, wanted: ById) -> Iterator[str]:
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) != wanted.get(key):
            yield f"{kind} {key}: found {found.get(key)}, wanted {wanted.get(key)}"
