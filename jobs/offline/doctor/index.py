"""Elasticsearch's side: health, blocks, aliases, mappings, its clock, and the windows of the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from connectors.elasticsearch.indices import INDICES, Index, mappings
from jobs.offline.audit import books
from jobs.offline.doctor.causes import Finding, skewed

Json = dict[str, Any]
_SHOWN = 5
_WINDOWS = 5_000  # four days of four partitions


@dataclass
class Indices:
    """What Elasticsearch says.

    Attributes:
        now_ms, clock_ms: this machine's clock, and the node's, at the look.
        health: green, yellow or red.
        found: settings and mapping of the index behind each alias that is there.
        windows: of the ledger that are settled and do not balance.
        ledger_ms: start of its newest window, None when it has none.
    """

    now_ms: int
    clock_ms: int
    health: str
    found: dict[str, Json] = field(default_factory=dict)
    windows: list[Json] = field(default_factory=list)
    ledger_ms: int | None = None


def look(client: Elasticsearch) -> Indices:
    """The facts.

    Raises:
        elasticsearch.ApiError, elastic_transport.TransportError: it refuses, or does not answer.
    """
    health = client.cluster.health()["status"]
    nodes = client.nodes.stats(metric="os")["nodes"].values()
    now_ms = int(time.time() * 1000)
    facts = Indices(now_ms, max(int(node["timestamp"]) for node in nodes), str(health))
    for index in INDICES:
        if client.indices.exists_alias(name=index.alias):
            behind = client.indices.get(index=index.alias).body
            facts.found[index.alias] = next(iter(behind.values()))
    if "footfall-audit" in facts.found:
        windows = books.windows(client, "ingest", last=_WINDOWS)
        facts.windows = [row for row in books.settled(windows) if row["difference"]]
        facts.ledger_ms = max((row["window_start_ms"] for row in windows), default=None)
    return facts


def judge(facts: Indices) -> Iterator[Finding]:
    """What is wrong of it."""
    if facts.health == "red":
        yield Finding("index_red", "Elasticsearch", "health is red")
    yield from skewed("a node of Elasticsearch", facts.clock_ms, facts.now_ms)
    for index in INDICES:
        found = facts.found.get(index.alias)
        if found is None:
            yield Finding("index_missing", index.alias, "there is no such alias")
        else:
            yield from _of_index(index, found)
    for row in facts.windows[:_SHOWN]:
        where = f"partition {row.get('partition')}, window {row.get('window_start_ms')}"
        yield Finding("ledger_difference", where, f"difference {row['difference']}")


def _of_index(index: Index, found: Json) -> Iterator[Finding]:
    blocks = found["settings"]["index"].get("blocks", {})
    if set_ones := sorted(name for name, value in blocks.items() if str(value) == "true"):
        yield Finding("index_blocked", index.alias, f"index.blocks.{', '.join(set_ones)}")
    differences = list(drift(mappings(index), found["mappings"]))
    if differences:
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        yield Finding("mapping_drift", index.alias, "; ".join(differences[:_SHOWN]) + more)


def drift(wanted: Json, found: Json) -> Iterator[str]:
    """Where a mapping is not what it must be; fields beside ours are drift, too, for the mapping is strict.

    >>> list(drift({"dynamic": "strict", "properties": {"a": {"type": "long"}}}, {"dynamic": "strict"}))
    ['a is missing']
    """
    if str(found.get("dynamic", "true")) != wanted.get("dynamic", "true"):
        yield f"dynamic is {found.get('dynamic', 'true')}"
    ours, theirs = wanted.get("properties", {}), found.get("properties", {})
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            yield f"{name} is missing"
        elif name not in ours:
            yield f"{name} is not ours"
        elif (kind := theirs[name].get("type", "object")) != ours[name].get("type", "object"):
            yield f"{name} is {kind}, not {ours[name].get('type', 'object')}"
        elif ours[name].get("properties"):
            yield from (f"{name}.{each}" for each in drift(ours[name], theirs[name]))
