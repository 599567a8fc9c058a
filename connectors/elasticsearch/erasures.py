"""Erasures: erased visitors, and until when nothing of them may be written again.

The register holds no id, only its SHA-256: enough to ask for one visitor, useless as a list of visitors.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from connectors.contracts.events import SCHEMA
from connectors.elasticsearch.bulk import Write
from connectors.elasticsearch.indices import ERASURES
from connectors.errors import IndexUnavailable
from connectors.wording import plainly

_LOG = logging.getLogger(__name__)

POLL_S = 5.0
_PAGE = 10_000
_OVERLAP_MS = 60_000  # an erasure may become searchable after one that is younger
_MOST_ASKED = 100_000
_ID = re.compile(rb'"(?:visitor_id|anonymous_id)"\s*:\s*("(?:[^"\\]|\\.)*")')


class Entry(TypedDict):
    """What is read of an entry of the register."""

    erased_id: str
    version: int
    quiet_until_ms: int


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

    def to_order(self) -> dict[str, Any]:
        """What makes a logic that is keyed by visitor forget this one (`state.triggers.signals.Erased`).

        >>> Erasure("v", 1, 2).to_order()
        {'visitor_id': 'v', 'erased_at_ms': 1, 'quiet_until_ms': 2, 'version': 1}
        """
        return {
            "visitor_id": self.visitor_id,
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


def visitors_of(document: bytes | str) -> set[str]:
    r"""Every visitor's id that a document names, whatever its kind.

    >>> visitors_of('{"kind":"x","visitor_id":"a\\"b","evidence":{"anonymous_id":"c"}}') == {'a"b', "c"}
    True
    """
    return {orjson.loads(found) for found in _ID.findall(_bytes(document))}


def _bytes(document: bytes | str) -> bytes:
    return document if isinstance(document, bytes) else document.encode("utf-8", "surrogatepass")


class _Unreadable(Exception):
    """The register cannot be read now; the message says why and what to do."""


class Register:
    """The erasures that a writer knows; asks Elasticsearch for new ones every few seconds.

    It fails closed: while the register cannot be read, nothing is written.
    """

    def __init__(
        self,
        client: Elasticsearch,
        poll_s: float = POLL_S,
        clock: Callable[[], float] = time.monotonic,
        retry_ms: int = 0,
        unreadable: Callable[[], None] = lambda: None,
    ) -> None:
        """Reads nothing yet.

        Args:
            client: of Elasticsearch.
            poll_s: how old what is known may be, in seconds.
            clock: seconds that only grow.
            retry_ms: how long to wait for a register that cannot be read.
            unreadable: called for each failed attempt, for a metric.
        """
        self._client, self._poll_s, self._clock = client, poll_s, clock
        self._retry_ms, self._unreadable = retry_ms, unreadable
        self._quiet_until: dict[str, int] = {}
        self._asked: dict[bytes, int] = {}  # ids as documents write them, and until when they are quiet
        self._last_quiet = -1  # nothing younger can be refused
        self._newest_ms = 0
        self._due = clock()

    def refused(self, writes: Sequence[Write]) -> set[int]:
        """Indices of the writes that are of an erased visitor and not younger than the quiet time.

        Raises:
            IndexUnavailable: the register could not be read within the retry time.
        """
        if self._clock() >= self._due:
            self._refresh()
        last = self._last_quiet
        return {
            index
            for index, write in enumerate(writes)
            if write.version <= last and write.version <= self._quiet_of(write.document)
        }

    def _quiet_of(self, document: bytes | str) -> int:
        """Until when nothing may be written of those whom the document names."""
        asked, last = self._asked, -1
        for found in _ID.findall(_bytes(document)):
            quiet = asked.get(found)
            if quiet is None:
                quiet = asked[found] = self._quiet_until.get(erased_id(orjson.loads(found)), -1)
            last = max(last, quiet)
        if len(asked) > _MOST_ASKED:
            asked.clear()
        return last

    def _refresh(self) -> None:
        """Fetches what is new, as often as it takes."""
        retrying = Retrying(
            retry=retry_if_exception_type(_Unreadable),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            stop=stop_after_delay(self._retry_ms / 1000),
            before_sleep=_warn,
            retry_error_callback=_give_up,
        )
        for entry in retrying(self._read):
            self._newest_ms = max(self._newest_ms, entry["version"])
            known = self._quiet_until.get(entry["erased_id"], -1)
            self._quiet_until[entry["erased_id"]] = max(known, entry["quiet_until_ms"])
        self._last_quiet = max(self._quiet_until.values(), default=-1)
        self._asked.clear()
        self._due = self._clock() + self._poll_s

    def _read(self) -> list[Entry]:
        try:
            return newer(self._client, self._newest_ms - _OVERLAP_MS)
        except (ApiError, TransportError, LookupError, TypeError, ValueError) as error:
            self._unreadable()
            raise _Unreadable(f"{plainly(error)}; {_cure(error)}") from error


def _cure(error: Exception) -> str:
    status = error.meta.status if isinstance(error, ApiError) else 0
    if status in (401, 403):
        return f"give the key of elasticsearch_api_key_file the right to `read` {ERASURES.alias}"
    if status == 404:
        return f"make the index {ERASURES.alias} with scripts/submit --prepare"
    return "bring Elasticsearch back"


def _warn(state: RetryCallState) -> None:
    if state.attempt_number % 5 == 1 and state.outcome:
        _LOG.warning(
            "the register of erasures cannot be read, so nothing is written, attempt %s: %s",
            state.attempt_number,
            state.outcome.exception(),
        )


def _give_up(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    raise IndexUnavailable(
        f"the register of erasures could not be read in {state.seconds_since_start:.0f} s, and "
        f"without it nothing may be written: {plainly(error) if error else 'no answer'}",
        "let it be read again; the job goes on from its checkpoint and nothing is lost",
    ) from error


def newer(client: Elasticsearch, since_ms: int) -> list[Entry]:
    """The register's entries of a time and later, oldest first: all of them, or an error.

    Raises:
        elasticsearch.ApiError: the index is missing, may not be read, or a part of it does not answer.
        LookupError, TypeError, ValueError: what is there is no register.
    """
    found: list[Entry] = []
    after: list[Any] | None = None
    while True:
        answer = client.search(
            index=ERASURES.alias,
            query={"range": {"version": {"gte": since_ms}}},
            sort=[{"version": "asc"}, {"erased_id": "asc"}],
            size=_PAGE,
            search_after=after,
            allow_partial_search_results=False,
        )
        if answer.get("timed_out"):
            raise ValueError("the search ended before all was read")
        hits = answer["hits"]["hits"]
        found += [_entry(hit["_source"]) for hit in hits]
        if len(hits) < _PAGE:
            return found
        after = hits[-1]["sort"]


def _entry(source: dict[str, Any]) -> Entry:
    return {
        "erased_id": str(source["erased_id"]),
        "version": int(source["version"]),
        "quiet_until_ms": int(source["quiet_until_ms"]),
    }
