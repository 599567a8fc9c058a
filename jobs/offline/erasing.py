"""Erasing a visitor: which ids, from which indices and topics; what stays until its retention ends."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.elasticsearch.erasures import POLL_S, Erasure, erased_id, visitors_of
from connectors.errors import BadInput, BrokerUnavailable
from connectors.kafka.topic_reader import read_topic
from connectors.kafka.writer import Writer
from connectors.wording import plainly
from jobs.active_rules import active_rules
from jobs.settings import Settings
from state.triggers import actions
from state.triggers.logic import KEEP_MS

Document = dict[str, Any]
_DAY_MS = 86_400_000
_PAGE = 5_000
_MOST_SWEEPS = 20
# The fields by which an index names a visitor; one that is not here holds no visitors.
VISITOR_FIELDS: Mapping[str, tuple[str, ...]] = {
    indices.SIGNALS.alias: ("visitor_id",),
    indices.SESSIONS.alias: ("visitor_id",),
    indices.VISITORS.alias: ("visitor_id",),
    indices.VISITOR_ITEMS.alias: ("visitor_id",),
    indices.SHADOW_SCORES.alias: ("visitor_id",),
    indices.ALIASES.alias: ("visitor_id", "anonymous_id"),
}


@dataclass(frozen=True)
class Family:
    """A visitor's ids: `own` belong to this visitor alone, `shared` are devices that others have used too."""

    own: tuple[str, ...]
    shared: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Own and shared."""
        return self.own + self.shared


@dataclass
class Receipt:
    """What was done and what is left; times are epoch milliseconds."""

    visitor: str
    ids: list[str]
    shared_ids: list[str]
    erased_at_ms: int
    quiet_until_ms: int
    removed: dict[str, int] = field(default_factory=dict)
    tombstones: dict[str, int] = field(default_factory=dict)
    expires: list[Document] = field(default_factory=list)

    def to_document(self) -> Document:
        """As JSON takes it."""
        return asdict(self)


def family(client: Elasticsearch, visitor: str) -> Family:
    """All ids of a visitor, from the aliases.

    A user has the anonymous ids that were ever linked to it. An anonymous id that was linked to one user
    stands for that user; one that was linked to several does not identify one.

    Raises:
        BadInput: the id is a device of several users.
    """
    users = _linked(client, "anonymous_id", visitor, "visitor_id")
    if len(users) > 1:
        raise BadInput(
            f"{visitor} is a device that {len(users)} users have used",
            "erase each user who asks for it, by id",
        )
    user = next(iter(users), visitor)
    devices = sorted(_linked(client, "visitor_id", user, "anonymous_id"))
    shared = tuple(one for one in devices if len(_linked(client, "anonymous_id", one, "visitor_id")) > 1)
    return Family((user, *(one for one in devices if one not in shared)), shared)


def _linked(client: Elasticsearch, field_name: str, value: str, wanted: str) -> set[str]:
    query = {"query": {"term": {field_name: value}}}
    return {hit["_source"][wanted] for hit in scan(client, index=indices.ALIASES.alias, query=query)}


def quiet_ms(settings: Settings) -> int:
    """How long after an erasure something may still come that began before: an open session, an open cart."""
    pending = max(settings.session_gap_ms, settings.cart_timeout_ms)
    return int(pending + settings.out_of_orderness_ms + settings.idle_timeout_ms + 60_000)


def triggers_ms(settings: Settings) -> int:
    """How long TRIGGERS may remember what was done before an erasure.

    >>> triggers_ms(Settings()) >= 8 * _DAY_MS
    True
    """
    table = actions.load(Path(settings.actions_file) if settings.actions_file else None)
    spans = [max(row.cap.within_ms, row.outranks_for_ms) for row in table.actions]
    rules = active_rules(settings)
    spans += [rule.expires or 0 for rule in rules] + [rule.cap.within for rule in rules if rule.cap]
    longest = max(*spans, settings.signal_expires_after_ms, table.suppress.after_purchase_ms)
    return int(longest + KEEP_MS)


def erase(
    client: Elasticsearch,
    properties: Mapping[str, str],
    visitor: str,
    settings: Settings,
    wait_s: float = POLL_S,
) -> Receipt:
    """Registers the erasure, tells the jobs, removes what is there; twice, with the writers' poll in between.

    Args:
        client: of Elasticsearch.
        properties: of a Kafka client.
        visitor: a user id, or an anonymous id of one user; as documents carry it.
        settings: of the running jobs: they say when what is pending has spoken.
        wait_s: how long the index writers may take to learn of the erasure.

    Raises:
        BadInput: the id is a device of several users.
        BrokerUnavailable: Kafka does not take the records.
    """
    client.indices.refresh(index=list(VISITOR_FIELDS))
    ids, now_ms = family(client, visitor), int(time.time() * 1000)
    receipt = Receipt(visitor, list(ids.own), list(ids.shared), now_ms, now_ms + quiet_ms(settings))
    _register(client, properties, ids, receipt)
    _sweep(client, ids, receipt)
    receipt.tombstones[topics.ALIASES.name] = bury_aliases(properties, ids.own)
    receipt.tombstones[topics.SEGMENTS.name] = bury_segments(properties, ids.own)
    time.sleep(1.5 * wait_s)
    _sweep(client, ids, receipt)
    receipt.expires = list(expiries(settings, receipt))
    return receipt


def _register(client: Elasticsearch, properties: Mapping[str, str], ids: Family, receipt: Receipt) -> None:
    erasures = [Erasure(one, receipt.erased_at_ms, receipt.quiet_until_ms) for one in ids.all]
    for erasure in erasures:
        document = erasure.to_document()
        client.index(index=indices.ERASURES.alias, id=document["erased_id"], document=document)
    client.indices.refresh(index=indices.ERASURES.alias)
    entries = [(erased_id(one.visitor_id), orjson.dumps(one.to_document())) for one in erasures]
    _produce(properties, topics.ERASURES.name, entries)
    # A shared device is not told: its other users have not asked for anything.
    own = [one for one in erasures if one.visitor_id in ids.own]
    events = [(one.visitor_id, orjson.dumps(one.to_event())) for one in own]
    _produce(properties, topics.EVENTS_RAW.name, events)
    orders = [(one.visitor_id, orjson.dumps(one.to_order())) for one in own]
    _produce(properties, topics.ERASURE_ORDERS.name, orders)


def _produce(properties: Mapping[str, str], topic: str, records: Iterable[tuple[str, bytes | None]]) -> None:
    with closing(Writer(properties)) as writer:
        try:
            for key, value in records:
                writer.write(topic, value, key)
            writer.flush()
        except BrokerUnavailable as error:
            raise BrokerUnavailable(
                f"{topic} did not take the erasure: {plainly(error)}",
                "check kafka_bootstrap_servers, erase again",
            ) from error


def _sweep(client: Elasticsearch, ids: Family, receipt: Receipt) -> None:
    for alias in VISITOR_FIELDS:
        # Whose else a shared device is stays linked: only the visitor's own links go.
        named = ids.own if alias == indices.ALIASES.alias else ids.all
        removed = sweep(client, alias, named, receipt.quiet_until_ms)
        receipt.removed[alias] = receipt.removed.get(alias, 0) + removed


def sweep(client: Elasticsearch, alias: str, ids: Iterable[str], version: int) -> int:
    """Deletes the visitors' documents behind an alias until a search finds none; returns how many.

    A delete carries a version above all that is on its way, so that a write that comes after it loses.
    """
    removed = 0
    for _ in range(_MOST_SWEEPS):
        hits = _found(client, alias, list(ids))
        if not hits:
            return removed
        client.bulk(operations=[_deletion(hit, version) for hit in hits], refresh=True)
        removed += len(hits)
    raise BadInput(
        f"{alias} still has documents of the visitor after {_MOST_SWEEPS} sweeps",
        "find out what writes them, stop it, erase again",
    )


def _found(client: Elasticsearch, alias: str, ids: list[str]) -> list[Document]:
    client.indices.refresh(index=alias)
    answer = client.search(
        index=alias, query=visitors_query(alias, ids), size=_PAGE, version=True, source=False
    )
    found: list[Document] = list(answer["hits"]["hits"])
    return found


def visitors_query(alias: str, ids: list[str]) -> Document:
    """The query for all documents of these visitors.

    >>> visitors_query("footfall-signals", ["v"])
    {'bool': {'should': [{'terms': {'visitor_id': ['v']}}], 'minimum_should_match': 1}}
    """
    named = [{"terms": {name: ids}} for name in VISITOR_FIELDS[alias]]
    return {"bool": {"should": named, "minimum_should_match": 1}}


def _deletion(hit: Document, version: int) -> Document:
    source = {"_index": hit["_index"], "_id": hit["_id"]}
    newest = max(version, int(hit["_version"]))
    return {"delete": {**source, "version": newest, "version_type": "external_gte"}}


def bury_aliases(properties: Mapping[str, str], ids: Iterable[str]) -> int:
    """Writes a tombstone for every alias of these visitors that lives in its topic; returns how many."""
    buried = sorted(_aliases(properties, set(ids)))
    _produce(properties, topics.ALIASES.name, [(key, None) for key in buried])
    return len(buried)


def bury_segments(properties: Mapping[str, str], ids: Iterable[str]) -> int:
    """Writes a tombstone for the segment of each visitor; returns how many.

    VISITORS does so when the order reaches it; where no job runs, nobody else would.
    """
    buried = sorted(ids)
    _produce(properties, topics.SEGMENTS.name, [(one, None) for one in buried])
    return len(buried)


def _aliases(properties: Mapping[str, str], ids: set[str]) -> set[str]:
    living: dict[str, str] = {}
    for message in read_topic(properties, topics.ALIASES.name):
        key = message.key.decode()
        if message.value:
            living[key] = message.value.decode()
        else:
            living.pop(key, None)
    return {key for key, document in living.items() if visitors_of(document) & ids}


def expiries(settings: Settings, receipt: Receipt) -> Iterator[Document]:
    """What no command can take out, and when it ends by itself."""
    at_ms = receipt.erased_at_ms
    for row in topics.TOPICS:
        if row.holds_visitors and row.retention_ms >= 0:
            yield {
                "where": f"topic {row.name}",
                "what": "records until then",
                "by_ms": at_ms + row.retention_ms,
            }
    yield {
        "where": "Flink: sessions, carts, what rules look back on",
        "what": "until the order has passed; documents that are on their way are refused",
        "by_ms": receipt.quiet_until_ms,
    }
    yield {
        "where": "Flink: identity and consent",
        "what": "the ids and the word that they were erased, which is what holds the visitor back",
        "by_ms": at_ms + settings.visitor_memory_ms,
    }
    yield {
        "where": "Flink: event ids, and what a guest did before signing in",
        "what": "for finding duplicates, and carts of before",
        "by_ms": at_ms + max(settings.dedup_ttl_ms, _DAY_MS),
    }
    yield {
        "where": "Flink: what was done about the visitor",
        "what": "triggers that caps, ranks and cancellations can need",
        "by_ms": at_ms + triggers_ms(settings),
    }
    yield {
        "where": "Flink: checkpoints and savepoints",
        "what": "those of before hold all of the above; checkpoints replace each other, delete savepoints",
        "by_ms": None,
    }
    yield {"where": "the lake", "what": "files written before now; rewrite the visitor's days", "by_ms": None}


def remains(client: Elasticsearch, properties: Mapping[str, str], ids: list[str]) -> Document:
    """What there is to find of these visitors: documents, living aliases, ids that are not registered."""
    documents = {alias: len(_found(client, alias, ids)) for alias in VISITOR_FIELDS}
    living = len(_aliases(properties, set(ids)))
    hashed = {one: erased_id(one) for one in ids}
    answer = client.search(
        index=indices.ERASURES.alias, query={"ids": {"values": list(hashed.values())}}, size=len(ids)
    )
    registered = {hit["_id"] for hit in answer["hits"]["hits"]}
    unregistered = [one for one, digest in hashed.items() if digest not in registered]
    clean = not any(documents.values()) and not living and not unregistered
    return {
        "ids": ids,
        "documents": documents,
        "aliases": living,
        "unregistered": unregistered,
        "clean": clean,
    }
