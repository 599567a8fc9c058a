"""Every Elasticsearch index: alias, versioned name, mapping, document id. Pure: gives request bodies.

Readers and writers use the alias; behind it lies one index of a version. A changed mapping is a new version
beside the old one, filled, and then cut over with `cut_over`. Only field types of Elasticsearch's core are
used, so that the same mapping holds on the embedded node. Writes carry the document's ``version`` field as
external version (``version_type=external_gte``): a replay never rolls a document back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.contracts.rejected import REASONS
from connectors.contracts.sessions import COUNT_NAMES

Body = dict[str, Any]

_KEYWORD: Body = {"type": "keyword"}
_LONG: Body = {"type": "long"}
# Many numbers of a document, rarely searched: found through doc values, at a third of the indexing work.
_COUNT: Body = {"type": "long", "index": False}
_DOUBLE: Body = {"type": "double"}
_TIME: Body = {"type": "date", "format": "epoch_millis"}
# Free attributes by which people filter (country, device …): one field whatever the keys, so no mapping
# explosion.
_ATTRIBUTES: Body = {"type": "flattened", "ignore_above": 1024}
# Shown, never searched: kept in _source only.
_STORED_TEXTS: Body = {"type": "keyword", "index": False, "doc_values": False}
_STORED: Body = {"type": "object", "enabled": False}


@dataclass(frozen=True)
class Index:
    """One index of a version.

    Attributes:
        alias: the name that readers and writers use.
        version: of the mapping; part of the index name.
        contract: contract of the documents, ``<contract>/<version>``.
        id_field: the document field whose value is ``_id``.
        properties: the mapping; a document with any other field is refused.
    """

    alias: str
    version: int
    contract: str
    id_field: str
    properties: Body

    @property
    def name(self) -> str:
        """The index behind the alias.

        >>> SIGNALS.name
        'footfall-signals-v1'
        """
        return f"{self.alias}-v{self.version}"


def _object(**properties: Body) -> Body:
    return {"type": "object", "dynamic": "strict", "properties": properties}


SIGNALS = Index(
    alias="footfall-signals",
    version=1,
    contract="signal/1",
    id_field="signal_id",
    properties={
        "signal_id": _KEYWORD,
        "kind": _KEYWORD,
        "visitor_id": _KEYWORD,
        "occurred_at_ms": _TIME,
        "detected_at_ms": _TIME,
        "expires_at_ms": _TIME,
        "session_id": _KEYWORD,
        "status": _KEYWORD,
        "version": _LONG,
        "rule": _object(name=_KEYWORD, version=_LONG),
        "model": _object(name=_KEYWORD, version=_KEYWORD, sha256=_KEYWORD),
        "score": _DOUBLE,
        "evidence": _STORED,
        "context": _ATTRIBUTES,
    },
)
SESSIONS = Index(
    alias="footfall-sessions",
    version=1,
    contract="session/1",
    id_field="session_id",
    properties={
        "visitor_id": _KEYWORD,
        "session_id": _KEYWORD,
        "started_at_ms": _TIME,
        "ended_at_ms": _TIME,
        "duration_ms": _LONG,
        "events": _LONG,
        "counts": _object(**dict.fromkeys(COUNT_NAMES, _COUNT)),
        "close_reason": _KEYWORD,
        "version": _LONG,
    },
)
VISITORS = Index(
    alias="footfall-visitors",
    version=1,
    contract="visitor/1",
    id_field="visitor_id",
    properties={
        "visitor_id": _KEYWORD,
        "first_seen_ms": _TIME,
        "last_seen_ms": _TIME,
        "session_id": _KEYWORD,
        "segment": _KEYWORD,
        "segment_since_ms": _TIME,
        "rfm": _KEYWORD,
        "rfm_since_ms": _TIME,
        "cutoffs_date": _KEYWORD,
        "cutoffs_stale": {"type": "boolean"},
        "features": _STORED,
        "scores": {
            "type": "nested",
            "dynamic": "strict",
            "properties": {
                "model": _KEYWORD,
                "version": _KEYWORD,
                "score": _DOUBLE,
                "scored_at_ms": _TIME,
                "cluster": _KEYWORD,
            },
        },
        "live_signals": _KEYWORD,
        "context": _ATTRIBUTES,
        "version": _LONG,
    },
)
ITEMS = Index(
    alias="footfall-items",
    version=2,
    contract="item/1",
    id_field="item_id",
    properties={
        "item_id": _KEYWORD,
        "category": _KEYWORD,
        "price": _DOUBLE,
        "currency": _KEYWORD,
        "available": {"type": "boolean"},
        "popularity": _DOUBLE,
        "related": _STORED,
        "computed_at_ms": _TIME,
        "version": _LONG,
    },
)
VISITOR_ITEMS = Index(
    alias="footfall-visitor-items",
    version=1,
    contract="visitor_items/1",
    id_field="visitor_id",
    properties={
        "visitor_id": _KEYWORD,
        "items": _STORED_TEXTS,
        "seen": _STORED_TEXTS,
        "bought": _STORED_TEXTS,
        "session_ends_ms": _TIME,
        "version": _LONG,
    },
)
ALIASES = Index(
    alias="footfall-aliases",
    version=1,
    contract="alias/1",
    id_field="alias_id",
    properties={
        "alias_id": _KEYWORD,
        "anonymous_id": _KEYWORD,
        "visitor_id": _KEYWORD,
        "linked_at_ms": _TIME,
        "users_of_anonymous_id": _COUNT,
        "version": _LONG,
    },
)
ERASURES = Index(
    alias="footfall-erasures",
    version=1,
    contract="erasure/1",
    id_field="erased_id",
    properties={
        "erased_id": _KEYWORD,
        "erased_at_ms": _TIME,
        "quiet_until_ms": _TIME,
        "version": _LONG,
    },
)
AUDIT = Index(
    alias="footfall-audit",
    version=1,
    contract="audit/1",
    id_field="audit_id",
    properties={
        "audit_id": _KEYWORD,
        "audit": _KEYWORD,
        "window_start_ms": _TIME,
        "partition": _LONG,
        "kind": _KEYWORD,
        "read": _LONG,
        "valid": _LONG,
        "duplicate": _LONG,
        "late": _LONG,
        "rejected": _object(**dict.fromkeys(REASONS, _COUNT)),
        "in_topic": _LONG,
        "in_index": _LONG,
        "read_checksum": _COUNT,
        "valid_checksum": _COUNT,
        "topic_checksum": _COUNT,
        "index_checksum": _COUNT,
        "difference": _LONG,
        "checksum_difference": _LONG,
        "version": _LONG,
    },
)

SHADOW_SCORES = Index(
    alias="footfall-shadow-scores",
    version=1,
    contract="score/1",
    id_field="score_id",
    properties={
        "score_id": _KEYWORD,
        "kind": _KEYWORD,
        "visitor_id": _KEYWORD,
        "session_id": _KEYWORD,
        "scored_at_ms": _TIME,
        "detected_at_ms": _TIME,
        "model": _object(name=_KEYWORD, version=_KEYWORD, sha256=_KEYWORD),
        "score": _DOUBLE,
        "evidence": _STORED,
        "shadow": _object(version=_KEYWORD, score=_DOUBLE, cluster=_KEYWORD),
        "version": _LONG,
    },
)

INDICES: tuple[Index, ...] = (
    SIGNALS, SESSIONS, VISITORS, ITEMS, VISITOR_ITEMS, SHADOW_SCORES, ALIASES, ERASURES, AUDIT,
)  # fmt: skip


def index_template(index: Index, shards: int = 1, replicas: int = 1, refresh_ms: int = 1_000) -> Body:
    """Body of ``PUT _index_template/<index.name>``, which applies to the index regardless of what creates it.

    Args:
        index: the index.
        shards: number of primary shards.
        replicas: copies of each shard; 0 on a single node.
        refresh_ms: time until a written document can be found, in milliseconds.

    >>> index_template(ITEMS, replicas=0)["index_patterns"]
    ['footfall-items-v2']
    """
    return {
        "index_patterns": [index.name],
        "priority": 500,
        "version": index.version,
        "template": {
            "settings": {
                "number_of_shards": shards,
                "number_of_replicas": replicas,
                "refresh_interval": f"{refresh_ms}ms",
            },
            "mappings": mappings(index),
        },
        "_meta": _meta(index),
    }


def mappings(index: Index) -> Body:
    """The index's mapping: strict, versioned.

    >>> mappings(ITEMS)["dynamic"], mappings(ITEMS)["_meta"]
    ('strict', {'contract': 'item/1', 'version': 2})
    """
    return {"dynamic": "strict", "_meta": _meta(index), "properties": index.properties}


def cut_over(index: Index, previous: str | None = None, name: str | None = None) -> Body:
    """Body of ``POST _aliases``: the alias moves from the previous index to another in one step.

    Args:
        index: the index whose alias it is.
        previous: name of the index that the alias points to now, if any.
        name: of the index that the alias shall point to, which must exist; None is the index's own.

    >>> cut_over(ITEMS)["actions"][-1]
    {'add': {'index': 'footfall-items-v2', 'alias': 'footfall-items', 'is_write_index': True}}
    """
    add = {"add": {"index": name or index.name, "alias": index.alias, "is_write_index": True}}
    remove = {"remove": {"index": previous, "alias": index.alias, "must_exist": True}}
    return {"actions": [add] if previous is None else [remove, add]}


def _meta(index: Index) -> Body:
    return {"contract": index.contract, "version": index.version}
