"""A rule changes in production: answered anew over history, compared, and cut over for all readers at once.

The engine answers the new version over history, in this process. Its signals go into a new index, together
with all documents of other rules and with the old version's stale signals, retracted. Then the alias moves in
one step, and the folder gets the new version, which the running job follows; until it has looked there it
goes on with the old one, and `sweep` takes back what that still said. The index before is the way back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan, streaming_bulk

from connectors.elasticsearch import indices
from connectors.elasticsearch.indices import SIGNALS, mappings
from connectors.errors import BadInput
from jobs.offline import backfill as engine_runs
from jobs.offline.backfill import Arrival, Kin, Pace
from jobs.offline.rules.trial import engine_of, pack_of, signals_in
from jobs.settings import Settings
from state.rules.kinds.absence import ReturnKind
from state.rules.kinds.base import SessionEndKind
from state.rules.pack import Pack
from state.vocabulary import KIND

Document = dict[str, Any]
Signals = dict[str, Document]  # by signal_id
_CHUNK = 2_000
_COMMON = frozenset(
    KIND[name] for name in ("page_view", "product_list_view", "product_view", "click", "scroll")
)


@dataclass(frozen=True)
class Change:
    """What another version of a rule makes of the signals; ids of signals.

    Attributes:
        gained: there now, and not before.
        lost: live before, and not there now.
        changed: there in both, at another time, with another status or other evidence.
        same: equal in both.
    """

    gained: frozenset[str]
    lost: frozenset[str]
    changed: frozenset[str]
    same: frozenset[str]

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {name: len(getattr(self, name)) for name in ("gained", "lost", "changed", "same")}


def backfill(
    history: Callable[[], Iterable[Arrival]], settings: Settings, pace: Pace, are_judged: bool = False
) -> Signals:
    """The newest version of each signal that the rules of `settings.rules_dir` find in a history.

    Args:
        history: gives it in order of arrival (jobs/offline/rules/history.py), once or twice.
        settings: of the job; rules_dir names the folder of rules.
        pace: is told how fast it went.
        are_judged: the events come from a lake, where ids are pseudonyms already if they are to be.

    Raises:
        BadInput: there is no event in it.
    """
    engine, kinds = engine_of(settings, ids_are_hidden=are_judged), heard(pack_of(settings))
    matters = Kin(history(), kinds).matters if kinds else lambda event: True
    documents = engine_runs.run(engine, history(), settings.out_of_orderness_ms, pace, matters)
    found = newest(signals_in(documents))
    if not pace.events:
        raise BadInput(f"the history holds no valid event ({pace.refused} messages are none)")
    return found


def heard(pack: Pack) -> frozenset[int] | None:
    """Types of events without which a visitor gets no signal; None where almost any visitor may.

    What is asked when a session ends, or after a silence, may be true of every visitor; and to look which has
    seen a page takes longer than it spares.
    """
    kinds = list(pack.kinds.values())
    found = frozenset[int]().union(*(kind.hears for kind in kinds))
    is_rare = not any(isinstance(kind, (SessionEndKind, ReturnKind)) for kind in kinds)
    return found if is_rare and found.isdisjoint(_COMMON) else None


def newest(signals: Iterable[Document]) -> Signals:
    """Of each signal its newest version.

    >>> newest([{"signal_id": "a", "version": 2}, {"signal_id": "a", "version": 1}])
    {'a': {'signal_id': 'a', 'version': 2}}
    """
    found: Signals = {}
    for signal in sorted(signals, key=lambda one: int(one["version"])):
        found[signal["signal_id"]] = signal
    return found


def compare(before: Signals, after: Signals) -> Change:
    """What the change makes of the signals; one that was taken back before counts as not there."""
    live = {key for key, one in before.items() if one["status"] != "retracted"}
    both = live & set(after)
    same = {key for key in both if _content(before[key]) == _content(after[key])}
    gained, lost = set(after) - live, live - set(after)
    return Change(frozenset(gained), frozenset(lost), frozenset(both - same), frozenset(same))


def _content(signal: Document) -> Document:
    """The signal without its finder and time of detection."""
    return {
        name: value for name, value in signal.items() if name not in ("detected_at_ms", "rule", "version")
    }


def result(before: Signals, after: Signals, rule: dict[str, Any]) -> Iterator[Document]:
    """The rule's documents after the change: what it finds now, and what it no longer does, retracted.

    A signal that becomes true earlier than before has a lower version of its own; readers must still take it
    for newer than the one that it replaces.
    """
    for key, signal in after.items():
        least = (
            before[key]["version"] + 1 if key in before and _content(before[key]) != _content(signal) else 0
        )
        yield {**signal, "version": max(signal["version"], least)}
    for key, signal in before.items():
        if key in after:
            continue
        stale = signal["status"] != "retracted"
        evidence = {**signal["evidence"], "retracted_by_rule_version": rule["version"]}
        changes = {
            "status": "retracted",
            "version": signal["version"] + 1,
            "rule": rule,
            "evidence": evidence,
        }
        yield {**signal, **changes} if stale else signal


def signals_of(client: Elasticsearch, index: str, rule_name: str) -> Signals:
    """What the index holds of a rule."""
    client.indices.refresh(index=index)
    query = {"query": {"term": {"rule.name": rule_name}}}
    hits = scan(client, index=index, query=query, size=5_000)
    return {hit["_id"]: hit["_source"] for hit in hits}


def cut_over(client: Elasticsearch, rule_name: str, documents: Iterable[Document]) -> tuple[str, str]:
    """Puts the documents instead of the rule's, for all readers of the alias at once.

    Returns:
        The index that the alias stood for, and the one that it stands for now.
    """
    before = current(client)
    after = f"{SIGNALS.name}-{time.time_ns() // 1_000_000}"
    shards = client.indices.get_settings(index=before)[before]["settings"]["index"]
    kept = {name: shards[name] for name in ("number_of_shards", "number_of_replicas")}
    client.indices.create(index=after, settings=kept, mappings=mappings(SIGNALS))
    _copy_others(client, before, after, rule_name)
    _write(client, after, documents)
    client.indices.refresh(index=after)
    client.indices.update_aliases(actions=indices.cut_over(SIGNALS, before, after)["actions"])
    # What other rules wrote to the index before while it was copied; versions keep the newer of two.
    _copy_others(client, before, after, rule_name)
    client.indices.refresh(index=after)
    return before, after


def go_back(client: Elasticsearch, now: str, before: str, rule_name: str) -> None:
    """Readers see the index before again, with what other rules have written since."""
    if not client.indices.exists(index=before):
        raise BadInput(
            f"index {before} is gone, so there is no way back", "apply the rule's old version instead"
        )
    _copy_others(client, now, before, rule_name)
    client.indices.update_aliases(actions=indices.cut_over(SIGNALS, now, before)["actions"])
    _copy_others(client, now, before, rule_name)
    client.indices.refresh(index=before)


def sweep(client: Elasticsearch, rule: Document, is_stale: Callable[[int], bool]) -> int:
    """Takes back what the job still said by a version that is gone; how many signals these were.

    Args:
        client: of the index.
        rule: name and version that signals are retracted by.
        is_stale: whether signals of a version are to go.
    """
    found = signals_of(client, current(client), rule["name"])
    gone = {key: one for key, one in found.items() if is_stale(one["rule"]["version"])}
    live = {key: one for key, one in gone.items() if one["status"] != "retracted"}
    _write(client, SIGNALS.alias, result(live, {}, rule))
    return len(live)


def current(client: Elasticsearch) -> str:
    """The index that the alias stands for."""
    return str(next(iter(client.indices.get_alias(name=SIGNALS.alias))))


def _copy_others(client: Elasticsearch, before: str, after: str, rule_name: str) -> None:
    client.indices.refresh(index=before)
    query = {"query": {"bool": {"must_not": [{"term": {"rule.name": rule_name}}]}}}
    _write(client, after, (hit["_source"] for hit in scan(client, index=before, query=query, size=5_000)))


def _write(client: Elasticsearch, index: str, documents: Iterable[Document]) -> None:
    actions = (
        {
            "_op_type": "index", "_index": index, "_id": one["signal_id"], "_source": one,
            "version": one["version"], "version_type": "external_gte",
        }
        for one in documents
    )  # fmt: skip
    written = streaming_bulk(client, actions, chunk_size=_CHUNK, raise_on_error=False)
    refused = [item["index"] for done, item in written if not done and item["index"]["status"] != 409]
    if refused:
        raise BadInput(f"Elasticsearch refuses {len(refused)} signals, the first: {refused[0]['error']}")
