"""A rule changes in production: answered anew over history, compared, and cut over for all readers at once.

The new version runs beside the old one over the events of a file. Its signals go into a new index, together
with all documents of other rules and with the old version's stale signals, retracted. Then the alias moves in
one step. The index before stays for the way back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan, streaming_bulk

from cli import local_flink
from cli.feed import lines_of
from cli.rules_try import message
from connectors import indices
from connectors.errors import BadInput
from connectors.indices import SIGNALS, mappings
from jobs.settings import Settings

Document = dict[str, Any]
Signals = dict[str, Document]  # by signal_id
_CHUNK = 2_000


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


def backfill(history: Path, folder: Path, settings: Settings) -> Signals:
    """The newest version of each signal that the rules of `settings.rules_dir` find in a file of events.

    Args:
        history: canonical events in order of arrival, a JSON object a line, plain or .gz.
        folder: an empty one, for the job's files.
        settings: whose rules_dir names the folder of rules.

    Raises:
        BadInput: the file cannot be read.
    """
    messages = folder / "messages.jsonl"
    with messages.open("wb") as out:
        out.writelines(message(event, number) for number, event in enumerate(_events(history)))
    chosen = settings.replace(bounded=True, parallelism=1, scoring=False)
    rows = local_flink.run(messages, folder, ["signal_documents"], chosen)["signal_documents"]
    return newest(orjson.loads(row["document"]) for row in rows)


def _events(history: Path) -> Iterator[Document]:
    received_ms = 0
    for number, line in lines_of(history):
        try:
            event = orjson.loads(line)
            received_ms = int(event.get("received_at_ms") or received_ms or event["event_time_ms"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{history}:{number}: not an event: {error}; history holds valid events"
            ) from error
        yield {**event, "received_at_ms": received_ms}


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
    same = {key for key in both if _said(before[key]) == _said(after[key])}
    gained, lost = set(after) - live, live - set(after)
    return Change(frozenset(gained), frozenset(lost), frozenset(both - same), frozenset(same))


def _said(signal: Document) -> Document:
    """The signal without what tells who found it and when."""
    return {
        name: value for name, value in signal.items() if name not in ("detected_at_ms", "rule", "version")
    }


def result(before: Signals, after: Signals, rule: dict[str, Any]) -> Iterator[Document]:
    """The rule's documents after the change: what it finds now, and what it no longer does, retracted.

    A signal that becomes true earlier than before has a lower version of its own; readers must still take it
    for newer than the one that it replaces.
    """
    for key, signal in after.items():
        least = before[key]["version"] + 1 if key in before and _said(before[key]) != _said(signal) else 0
        yield {**signal, "version": max(signal["version"], least)}
    for key, signal in before.items():
        if key in after:
            continue
        stale = signal["status"] != "retracted"
        told = {**signal["evidence"], "retracted_by_rule_version": rule["version"]}
        changes = {"status": "retracted", "version": signal["version"] + 1, "rule": rule, "evidence": told}
        yield {**signal, **changes} if stale else signal


def signals_of(client: Elasticsearch, index: str, rule_name: str) -> Signals:
    """What the index holds of a rule."""
    client.indices.refresh(index=index)
    query = {"query": {"term": {"rule.name": rule_name}}}
    hits = scan(client, index=index, query=query, size=5_000)
    return {hit["_id"]: hit["_source"] for hit in hits}


def cut_over(client: Elasticsearch, rule_name: str, documents: Iterable[Document]) -> tuple[str, str]:
    """Puts the documents in the place of the rule's, for all readers of the alias at once.

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
            f"index {before} is gone, so there is no way back; apply the rule's old version instead"
        )
    _copy_others(client, now, before, rule_name)
    client.indices.update_aliases(actions=indices.cut_over(SIGNALS, now, before)["actions"])
    _copy_others(client, now, before, rule_name)
    client.indices.refresh(index=before)


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
