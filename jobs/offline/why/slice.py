"""`scripts/why --slice`: what a running engine could not take, replayed: the same messages, the same code.

A job that fails names an event by its source position, or by its id. What the engine knew at that event
depends on the messages of its visitor and of the visitor's devices alone; these are read from the raw topics
and taken in order of arrival by an engine with the settings, rules and models of the job.
"""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.errors import BadInput, EngineDefect, FootfallError, ModelRefused
from connectors.kafka.topic_reader import read_topic
from connectors.keys import KeySource
from jobs import ends
from jobs.active_rules import active_rules, active_segments
from jobs.offline.backfill import Arrival, Pace, run
from jobs.offline.why.reading import RAW, Tap
from jobs.settings import Settings
from state.engine import Engine
from state.events import Event, read_event
from state.logic import SourcePosition
from state.options import Options
from udfs.logics import now_ms
from udfs.models import batched, opened
from udfs.rules import compiled
from udfs.segments import segments_of

_POSITION = re.compile(r"(.+):(\d+):(\d+)")
_ROUNDS = 5  # of looking for devices of users of devices


@dataclass
class Replayed:
    """What came of it.

    Attributes:
        pace: what was taken.
        documents: how many the engine wrote, by kind.
        defect: what it failed with; None when it took everything.
    """

    pace: Pace
    documents: Counter[str]
    defect: EngineDefect | None = None

    def lines(self) -> Iterator[str]:
        """For people."""
        written = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.documents.items()))
        yield f"taken: {self.pace}; written: {written or 'nothing'}"
        if self.defect is None:
            yield "the engine of this release takes it all: what the job failed with is not there any more"
            return
        yield f"the engine fails here, too: {self.defect.message}"
        cause = self.defect.__cause__
        if cause is not None:
            yield "".join(traceback.format_exception(cause)).rstrip()


def replay(name: str, settings: Settings, since_ms: int = 0) -> Replayed:
    """Has an engine take all that hangs together with an event.

    Args:
        name: of the event: topic:partition:offset, or its id.
        settings: of the job.
        since_ms: of the topics only what came in since then.

    Raises:
        BadInput: the topics hold no such event.
        BrokerUnavailable: Kafka does not answer.
    """
    properties = ends.kafka("why", settings).client_properties()
    found = Replayed(Pace(), Counter())
    try:
        arrivals = messages_around(name, properties, since_ms)
        for document in run(engine_of(settings), arrivals, settings.out_of_orderness_ms, found.pace):
            found.documents[document.kind] += 1
    except FootfallError as error:
        if not isinstance(error, EngineDefect):
            raise
        found.defect = error
    except Exception as error:  # of reading a message, which comes before the engine
        found.defect = EngineDefect(f"a message cannot be read: {type(error).__name__}")
        found.defect.__cause__ = error
    return found


def engine_of(settings: Settings) -> Engine:
    """An engine as the job has it; where its models cannot be used here, no visitor is scored."""
    options, scorer = Options.of(settings), None
    if settings.scoring:
        try:
            scorer = batched(opened(settings.model_dir))
        except ModelRefused:
            options = options.replace(scoring=False)
    key = KeySource(settings.pseudonym_key_file).read() if settings.pseudonymise else None
    pack = compiled(active_rules(settings), options)
    segments = segments_of(active_segments(settings))
    return Engine(options, pack, scorer, settings.buckets, now_ms, key, segments=segments)


def messages_around(name: str, properties: Mapping[str, str], since_ms: int = 0) -> list[Arrival]:
    """The messages of the event's visitor and of all its devices, in order of arrival."""
    culprit = _message_at(name, properties, since_ms)
    ids = _ids_in(culprit.value)
    tap = Tap(frozenset(ids), since_ms)
    for _ in range(_ROUNDS):
        tap = Tap(frozenset(ids), since_ms)
        for topic in RAW:
            for _message in tap.read(properties, topic):
                pass
        more = {one for _, value in tap.raw.values() for one in _ids_in(value)}
        if more <= ids:
            break
        ids |= more
    found = [
        Arrival(value, SourcePosition(*position, arrived_ms))
        for position, (arrived_ms, value) in tap.raw.items()
    ]
    return sorted({*found, culprit}, key=lambda one: _moment(one.position))


def _message_at(name: str, properties: Mapping[str, str], since_ms: int) -> Arrival:
    position = _POSITION.fullmatch(name)
    for topic in (position[1],) if position and position[1] in RAW else RAW:
        for message in read_topic(properties, topic, since_ms=since_ms):
            value, partition, offset = message.value or b"", message.partition, message.offset
            is_here = f"{topic}:{partition}:{offset}" == name
            if is_here or (name.encode() in value and _is_called(value, name)):
                return Arrival(value, SourcePosition(topic, partition, offset, message.timestamp))
    raise BadInput(f"the raw topics hold no event at or called {name}; has it been deleted by retention?")


def _is_called(value: bytes, event_id: str) -> bool:
    event = read_event(value)
    return isinstance(event, Event) and event.event_id == event_id


def _ids_in(value: bytes) -> set[str]:
    """The ids that a message names; none of what cannot be read, maybe for the defect that is looked for."""
    try:
        event: object = read_event(value)
    except Exception:
        return set()
    named = (event.visitor_id, event.anonymous_id, event.user_id) if isinstance(event, Event) else ()
    return {one for one in named if one}


def _moment(position: SourcePosition | None) -> tuple[int, str, int, int]:
    assert position is not None  # noqa: S101 - all of them were read from topics
    return position.timestamp_ms, position.topic, position.partition, position.offset
