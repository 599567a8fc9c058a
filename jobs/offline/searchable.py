"""Which changes of signals have become searchable since the last look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from connectors.elasticsearch import indices

# Changes become searchable in the order of their sequence numbers, but for those of the same moment.
_LOOK_BACK = 200
_REMEMBERED = 20 * _LOOK_BACK
_SHOWN = [{"field": name} for name in ("signal_id", "kind", "status", "version", "visitor_id")]
Change = dict[str, Any]


@dataclass
class Searchable:
    """Polls the signals index, of one shard, and gives each change once.

    Attributes:
        client: of the index.
        newest: the highest sequence number that was seen.
    """

    client: Elasticsearch
    newest: int = -1
    _seen: dict[tuple[str, int], None] = field(default_factory=dict)

    def skip(self) -> None:
        """Leaves out what is there already."""
        last = self.client.search(
            index=indices.SIGNALS.alias, size=1, sort=[{"_seq_no": "desc"}], source=False
        )
        self.newest = max((hit["sort"][0] for hit in last["hits"]["hits"]), default=-1)
        list(self.changes())

    def changes(self) -> Iterator[Change]:
        """Those that are new: signal_id, kind, status, version, visitor_id."""
        for change in self._found():
            key = change["signal_id"], change["version"]
            if key not in self._seen:
                self._seen[key] = None
                yield change
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _found(self) -> list[Change]:
        """Only what may be new, and no document is opened: a search costs the machine that it measures."""
        response = self.client.search(
            index=indices.SIGNALS.alias,
            query={"range": {"_seq_no": {"gt": self.newest - _LOOK_BACK}}},
            size=1_000,
            sort=[{"_seq_no": "asc"}],
            docvalue_fields=_SHOWN,
            source=False,
        )
        hits = response["hits"]["hits"]
        self.newest = max([self.newest, *(hit["sort"][0] for hit in hits)])
        return [{name: values[0] for name, values in hit["fields"].items()} for hit in hits]
