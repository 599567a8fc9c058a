"""Erasures: who was erased, and until when nothing of that visitor may be written again.

The register holds no id, only its SHA-256: enough to ask for one visitor, useless as a list of visitors.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from connectors.elasticsearch import Write
from connectors.events import SCHEMA
from connectors.indices import ERASURES

POLL_S = 5.0
_PAGE = 10_000
_OVERLAP_MS = 60_000  # an erasure may become searchable after one that is younger
_ID = re.compile(r'"(?:visitor_id|anonymous_id)"\s*:\s*("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True)
class Erasure:
    """One erased id.

    Attributes:
        visitor_id: the id as documents carry it.
        erased_at_ms: when, epoch milliseconds.
        quiet_until_ms: nothing of a version up to here may be written: what was pending has spoken by then.
    """

    visitor_id: str
    erased_at_ms: int
    quiet_until_ms: int

    def to_document(self) -> dict[str, Any]:
        """The register's entry.

        >>> Erasure("v", 1, 2).to_document()["erased_id"][:8]
        '4c94485e'
        """
        return {
            "erased_id": erased_id(self.visitor_id),
            "erased_at_ms": self.erased_at_ms,
            "quiet_until_ms": self.quiet_until_ms,
            "version": self.erased_at_ms,
        }

    def to_event(self) -> dict[str, Any]:
        """The event that makes ingest hold back what the visitor sends from now on, until consent returns.

        It names the id as visitor and as user: it holds for the device and for the user of that id.
        """
        return {
            "schema": SCHEMA,
            "event_id": f"erased-{erased_id(self.visitor_id)[:32]}-{self.erased_at_ms}",
            "event_type": "consent",
            "event_time_ms": self.erased_at_ms,
            "received_at_ms": self.erased_at_ms,
            "visitor_id": self.visitor_id,
            "user_id": self.visitor_id,
            "properties": {"status": "erased"},
        }


def erased_id(visitor_id: str) -> str:
    """SHA-256 of the id, hexadecimal."""
    return hashlib.sha256(visitor_id.encode("utf-8", "replace")).hexdigest()


def visitors_of(document: str) -> set[str]:
    r"""Every visitor's id that a document names, whatever its kind.

    >>> visitors_of('{"kind":"x","visitor_id":"a\\"b","evidence":{"anonymous_id":"c"}}') == {'a"b', "c"}
    True
    """
    return {orjson.loads(found) for found in _ID.findall(document)}


class Register:
    """The erasures that a writer knows; asks Elasticsearch for new ones every few seconds."""

    def __init__(
        self, client: Elasticsearch, poll_s: float = POLL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._poll_s, self._clock = client, poll_s, clock
        self._quiet_until: dict[str, int] = {}
        self._newest_ms = 0
        self._due = clock()

    def refused(self, writes: Sequence[Write]) -> set[int]:
        """Places of the writes that are of an erased visitor and not younger than the quiet time."""
        if self._clock() >= self._due:
            self._refresh()
        if not self._quiet_until:
            return set()
        return {place for place, write in enumerate(writes) if self._is_erased(write)}

    def _is_erased(self, write: Write) -> bool:
        quiet = (self._quiet_until.get(erased_id(visitor), -1) for visitor in visitors_of(write.document))
        return any(write.version <= until_ms for until_ms in quiet)

    def _refresh(self) -> None:
        """Fetches what is new. Elasticsearch out of reach is told by the writes that follow, not here."""
        try:
            for entry in newer(self._client, self._newest_ms - _OVERLAP_MS):
                self._newest_ms = max(self._newest_ms, entry["version"])
                known = self._quiet_until.get(entry["erased_id"], -1)
                self._quiet_until[entry["erased_id"]] = max(known, entry["quiet_until_ms"])
            self._due = self._clock() + self._poll_s
        except (ApiError, TransportError):
            self._due = self._clock()


def newer(client: Elasticsearch, since_ms: int) -> list[dict[str, Any]]:
    """The register's entries of a time and later, oldest first."""
    found: list[dict[str, Any]] = []
    after: list[Any] | None = None
    while True:
        answer = client.search(
            index=ERASURES.alias,
            query={"range": {"version": {"gte": since_ms}}},
            sort=[{"version": "asc"}, {"erased_id": "asc"}],
            size=_PAGE,
            search_after=after,
            ignore_unavailable=True,
        )
        hits = answer["hits"]["hits"]
        found += [hit["_source"] for hit in hits]
        if len(hits) < _PAGE:
            return found
        after = hits[-1]["sort"]
