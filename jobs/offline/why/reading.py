"""Reads what is known of a visitor: from the topics up to their ends of now, the index, and Flink."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import requests
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from connectors.contracts import topics
from connectors.contracts.pseudonyms import pseudonym
from connectors.elasticsearch import indices
from connectors.errors import FlinkRequestFailed, IndexUnavailable
from connectors.flink.rest import FlinkRest
from connectors.kafka.topic_reader import Message, read_topic
from connectors.keys import KeySource
from connectors.wording import plainly
from jobs import ends
from jobs.offline.ledger import WINDOW_MS, Ledger, TopicOffset, read_ledger, read_letters
from jobs.offline.why.facts import (
    OPTIONS,
    Document,
    Event,
    EventTime,
    Facts,
    Refused,
    Running,
    changes_of,
    versions_of,
)
from jobs.settings import Settings
from state.bucket import Bucket, Counts, DictStore, taken
from state.devices.device import Device
from state.devices.judged import CARRIED, ECHO, RELEASED, Judged, pack_judged, unpack_judged
from state.devices.logic import DevicesLogic, Read
from state.logic import FINAL, SourcePosition
from state.options import Options
from state.visitor import Admission
from state.visitors.ingest import AdmissionLogic

_MOST = 1_000  # signals of one visitor
_RUNS_RULES = ("footfall-suite", "footfall-visitors")
_IDS = ("visitor_id", "anonymous_id", "user_id")
RAW = (topics.EVENTS_RAW.name, *topics.EVENTS_RAW.read_with)


def running(flink_url: str) -> tuple[Running | None, dict[str, str]]:
    """The job that runs the rules, and the settings that it says it works with; None when none answers."""
    flink = FlinkRest(flink_url)
    try:
        for job in flink.overview():
            if job["name"] in _RUNS_RULES and job["state"] == "RUNNING":
                parameters = flink.parameters(str(job["jid"]))
                time_ = EventTime(*flink.event_time(str(job["jid"])))
                return Running(
                    job["name"], int(job["start-time"]), versions_of(parameters), time_
                ), parameters
    except (FlinkRequestFailed, requests.RequestException):
        pass
    return None, {}


def gather(settings: Settings, visitor: str, since_ms: int, job: Running | None) -> Facts:
    """Everything that is known of the visitor.

    Args:
        settings: as the job has them; they name the ends and the folder of rules.
        visitor: an id as signals have it; with pseudonyms also the plain one.
        since_ms: of the topics only what came in since then, epoch milliseconds.
        job: the job that runs the rules.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        IndexUnavailable: Elasticsearch does not answer or refuses.
    """
    key = KeySource(settings.pseudonym_key_file).read() if settings.pseudonymise else None
    known_as = pseudonym(visitor, key) if key else visitor
    signals, known, links = _indexed(settings, known_as)
    ids = {known_as, *(one["anonymous_id"] for one in links if one["visitor_id"] == known_as)}
    tap = Tap(frozenset(ids), since_ms, (lambda text: pseudonym(text, key)) if key else None)
    properties = ends.kafka("why", settings).client_properties()
    letters = read_letters(properties, tap.read)
    ledger = read_ledger(properties, letters, tap.read)
    options = Options.of(settings, OPTIONS.emits).replace(bounded=True, scoring=False)
    events, shared = _valid(properties, known_as, tap, options, key, since_ms)
    return Facts(
        visitor=known_as,
        now_ms=int(time.time() * 1000),
        events=tuple(events),
        shared=tuple(shared),
        late=tuple(tap.late(known_as)),
        refused=tuple(tap.refused(letters.values())),
        signals=tuple(signals),
        triggers=tuple(_triggers(properties, known_as, since_ms)),
        running=job,
        users={one["visitor_id"]: one["linked_at_ms"] for one in links if one["anonymous_id"] == known_as},
        rule_changes=_rule_changes(settings),
        unaccounted=_unaccounted(ledger, tap.arrivals(), since_ms, job),
        known=known,
        bound_ms=settings.out_of_orderness_ms,
        options=options,
        follows=bool(settings.rules_dir),
    )


@dataclass
class Tap:
    """Sees the messages of raw topics and late events go by, and keeps what is about a visitor's ids.

    Attributes:
        ids: the visitor and its devices.
        since_ms: nothing older is read.
        hashed: makes the pseudonym of an id; None where ids are as they came.
        raw: messages by their topic and offset, with the arrival.
        documents_late: late events.
    """

    ids: frozenset[str]
    since_ms: int
    hashed: Callable[[str], str] | None = None
    raw: dict[TopicOffset, tuple[int, bytes]] = field(default_factory=dict)
    documents_late: list[Event] = field(default_factory=list)

    def read(self, properties: Mapping[str, str], topic: str) -> Iterator[Message]:
        """Every message of the topic; that of entries of the ledger from its beginning."""
        since_ms = 0 if topic == topics.LEDGER.name else self.since_ms
        for message in read_topic(properties, topic, since_ms=since_ms):
            if topic in RAW:
                self._look(topic, message)
            elif topic == topics.EVENTS_LATE.name and self._names(message.value or b""):
                self.documents_late.append(_loads(message.value) or {})
            yield message

    def _look(self, topic: str, message: Message) -> None:
        value = message.value or b""
        # Most messages are others': bytes are looked at first. A pseudonym only shows in the parsed event.
        if self._names(value) or (self.hashed and self._is_mine(_loads(value))):
            self.raw[(topic, message.partition, message.offset)] = message.timestamp, value

    @cached_property
    def _needles(self) -> list[bytes]:
        """The ids as JSON writes them: as text, escaped or not; digits also as a number."""
        numbers = [f":{one}".encode() for one in self.ids if one.isdigit()]
        return [made for one in self.ids for made in {orjson.dumps(one), json.dumps(one).encode()}] + numbers

    def _names(self, value: bytes) -> bool:
        return any(needle in value for needle in self._needles)

    def _is_mine(self, event: Document | None) -> bool:
        named = [event[name] for name in _IDS if event.get(name) is not None] if event else []
        return any(self._id(value) in self.ids for value in named)

    def judged(self, options: Options, key: bytes | None) -> list[Judged]:
        """What DEVICES makes of the events on time: the visitor of each, and what is shared."""
        late = {_topic_offset(event["source"]) for event in self.documents_late}
        read = [(position, *arrival) for position, arrival in self.raw.items() if position not in late]
        logic = DevicesLogic(options, 1, key)
        bucket = Bucket[Device, Read](0, logic, DictStore(), {}, Counts())
        positions = [SourcePosition(*position, arrived_ms) for position, arrived_ms, _ in read]
        out = taken(bucket, [value for _, _, value in read], positions, FINAL, late=False)
        return unpack_judged(one.body for one in out.documents if one.kind == "judged")

    def _event(self, position: TopicOffset, arrived_ms: int, document: Mapping[str, Any]) -> Event:
        ids = {name: self._id(document[name]) for name in _IDS if document.get(name) is not None}
        number = int(document["event_time_ms"])
        topic, partition, offset = position
        source = {"topic": topic, "partition": partition, "offset": offset, "timestamp_ms": arrived_ms}
        return {**document, **ids, "event_time_ms": number, "source": source}

    def _id(self, value: Any) -> str:
        return self.hashed(str(value)) if self.hashed else str(value)

    def late(self, visitor: str) -> list[Event]:
        """The late events that would have been the visitor's."""
        return [event for event in self.documents_late if event["visitor_id"] == visitor]

    def refused(self, letters: Iterable[Document]) -> Iterator[Refused]:
        """The dead letters of messages that name the visitor."""
        for letter in letters:
            position = _topic_offset(letter)
            if position in self.raw:
                arrived_ms, value = self.raw[position]
                document = _loads(value)
                event = (
                    self._event(position, arrived_ms, document) if document and _is_event(document) else None
                )
                where = ":".join(map(str, position))
                yield Refused(letter["reason"], letter.get("detail", ""), where, event)

    def arrivals(self) -> set[tuple[int, int]]:
        """Windows and partitions in which something of the visitor came in."""
        return {(at // WINDOW_MS * WINDOW_MS, position[1]) for position, (at, _) in self.raw.items()}


def _valid(
    properties: Mapping[str, str], visitor: str, tap: Tap, options: Options, key: bytes | None, since_ms: int
) -> tuple[list[Event], list[Judged]]:
    """The visitor's valid events, and what is shared with its rules.

    As INGEST wrote them where it runs on its own; else the engine makes them of the raw ones.
    """
    messages = read_topic(properties, topics.EVENTS_VALID.name, since_ms=since_ms, key=visitor)
    written = [event for message in messages if (event := _loads(message.value))]
    mine: list[Event] = [event for event in written if event["visitor_id"] == visitor]
    if mine:
        return sorted(mine, key=_order), []
    judged = [one for one in tap.judged(options, key) if one.visitor_id == visitor]
    return admitted(judged, options), [one for one in judged if one.role in (CARRIED, ECHO, RELEASED)]


def admitted(judged: list[Judged], options: Options) -> list[Event]:
    """The documents of the events that the visitor's gate lets pass, in order."""
    logic = AdmissionLogic(options.replace(emits=frozenset(("valid",))), lambda: 0)
    bucket = Bucket[Admission, Judged](0, logic, DictStore(), {}, Counts())
    out = taken(bucket, [pack_judged(judged)], None, FINAL, late=False)
    found = [orjson.loads(one.body) for one in out.documents if one.kind == "valid"]
    return sorted(found, key=_order)


def _order(event: Mapping[str, Any]) -> tuple[int, int, str]:
    return int(event["event_time_ms"]), int(event.get("sequence") or 0), str(event["event_id"])


def _triggers(properties: Mapping[str, str], visitor: str, since_ms: int) -> list[Document]:
    found: dict[tuple[str, str], Document] = {}
    for topic in (topics.TRIGGERS.name, topics.TRIGGERS_SUPPRESSED.name):
        for message in read_topic(properties, topic, since_ms=since_ms, key=visitor):
            document = _loads(message.value) or {}
            if document.get("visitor_id") == visitor:
                found[(document["trigger_id"], document["status"])] = document
    return sorted(found.values(), key=lambda one: int(one["decided_at_ms"]))


def _indexed(settings: Settings, visitor: str) -> tuple[list[Document], Document | None, list[Document]]:
    """The visitor's signals, its own document, and the links between devices and users."""
    elasticsearch = ends.elasticsearch(settings)
    try:
        with elasticsearch.client() as client:
            signals = _search(client, indices.SIGNALS.alias, "visitor_id", visitor)
            known = _search(client, indices.VISITORS.alias, "visitor_id", visitor)
            names = ("visitor_id", "anonymous_id")
            links = [one for name in names for one in _search(client, indices.ALIASES.alias, name, visitor)]
    except (ApiError, TransportError) as error:
        raise IndexUnavailable(
            f"Elasticsearch at {elasticsearch.url} does not answer or refuses: {plainly(error)}",
            "check elasticsearch_url",
        ) from error
    return signals, known[0] if known else None, links


def _search(client: Elasticsearch, alias: str, name: str, value: str) -> list[Document]:
    answer = client.search(index=alias, query={"term": {name: value}}, size=_MOST)
    return [hit["_source"] for hit in answer["hits"]["hits"]]


def _rule_changes(settings: Settings) -> dict[tuple[str, int], int]:
    log = Path(settings.rules_dir) / "changes.jsonl" if settings.rules_dir else None
    return changes_of(map(orjson.loads, log.read_bytes().splitlines())) if log and log.exists() else {}


def _unaccounted(ledger: Ledger, arrivals: set[tuple[int, int]], since_ms: int, job: Running | None) -> int:
    """What the ledger misses in windows that are over and were read whole."""
    until_ms = job.time.watermark_ms if job else None
    return sum(
        abs(ledger.windows[window].difference())
        for window in arrivals
        if window in ledger.windows
        and window[0] >= since_ms
        and (job is None or (until_ms is not None and window[0] + WINDOW_MS <= until_ms))
    )


def _topic_offset(source: Mapping[str, Any]) -> TopicOffset:
    return str(source["topic"]), int(source["partition"]), int(source["offset"])


def _is_event(document: Document) -> bool:
    named = all(document.get(name) is not None for name in ("event_id", "event_type", "visitor_id"))
    return named and str(document.get("event_time_ms")).isdigit()


def _loads(value: bytes | None) -> Document | None:
    try:
        found = json.loads(value or b"")  # not orjson: an event may carry a number that no double holds
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
