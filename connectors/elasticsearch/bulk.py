"""Writing to Elasticsearch: one bulk request per batch, an answer for every document."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from orjson import dumps
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from connectors.errors import IndexUnavailable
from connectors.wording import plainly

_LOG = logging.getLogger(__name__)
# 500 too: a node whose disk is full, or whose shard has just failed, says so.
_RETRY_STATUS = frozenset({429, 500, 502, 503, 504})


class Write(NamedTuple):
    """One version of one document; `document` is JSON, `version` grows with the document's changes."""

    alias: str
    document_id: str
    version: int
    document: bytes | str


def bulk_body(writes: Iterable[Write]) -> bytes:
    r"""The writes as the body of a bulk request: two lines each, what to do and the document as it came.

    >>> bulk_body([Write("i", "d", 7, b'{"a":1}')])
    b'{"index":{"_index":"i","_id":"d","version":7,"version_type":"external_gte"}}\n{"a":1}\n'
    """
    parts: list[bytes] = []
    for alias, document_id, version, document in writes:
        line = document if isinstance(document, bytes) else document.encode("utf-8", "surrogatepass")
        if b"\n" in line:  # between two members, for inside a text JSON has it escaped
            line = line.replace(b"\n", b" ")
        parts += (_ACTION % (dumps(alias), dumps(document_id), version), line, b"\n")
    return b"".join(parts)


_ACTION = b'{"index":{"_index":%b,"_id":%b,"version":%d,"version_type":"external_gte"}}\n'
# All that is read of an answer; the rest is a third of the work of a batch.
_READ = ("errors", "items.*.status", "items.*.error")


@dataclass
class Outcome:
    """What became of a batch: counts, and the server's reason for every document it refused for good."""

    indexed: int
    stale: int
    retried: int
    failures: dict[int, str]
    erased: int = 0


class _Busy(Exception):
    """Some documents are to be sent again."""


# Said of the whole request, though one document is to blame: an id of more than 512 bytes, a size.
_OF_THE_REQUEST = frozenset({400, 413})
Judge = Callable[[Sequence[Write]], Collection[int]]


class BulkWriter:
    """Writes batches; retries what can succeed, reports what cannot.

    409 means that a newer version is there: success. 429, 500, 502, 503, 504, a write block and a lost
    connection are retried with exponential backoff and jitter, only for the documents concerned. A request
    that is refused as a whole (400, 413) is halved until the document to blame is found. Any other status is
    final.
    """

    def __init__(self, client: Elasticsearch, retry_ms: int, judge: Judge | None = None) -> None:
        """Says where to and for how long.

        Args:
            client: without retries of its own.
            retry_ms: how long a batch is retried.
            judge: indices of the writes that must not be made (`Register.refused`); asked for each request,
                repeated ones too, because an erasure may come while a batch waits.
        """
        self._client, self._retry_ms, self._judge = client, retry_ms, judge

    def write(self, writes: Sequence[Write]) -> Outcome:
        """Sends the batch as one bulk request, and its retries.

        Raises:
            IndexUnavailable: some documents could not be written within the retry time, or not be judged.
        """
        outcome = Outcome(0, 0, 0, {})
        pending = dict(enumerate(writes))
        retrying = Retrying(
            retry=retry_if_exception_type(_Busy),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            stop=stop_after_delay(self._retry_ms / 1000),
            before_sleep=_warn,
            retry_error_callback=_give_up,
        )
        retrying(self._attempt, pending, outcome)
        return outcome

    def _attempt(self, pending: dict[int, Write], outcome: Outcome) -> None:
        """Sends what is pending and takes out of it what is settled."""
        self._leave_out(pending, outcome)
        if not pending:
            return
        order = list(pending)
        items = self._send([pending[index] for index in order])
        if not items:
            outcome.indexed += len(pending)
            pending.clear()
            return
        busy = ""
        for index, item in zip(order, items, strict=True):
            status, reason = item["status"], _reason(item)
            if _is_retryable(status, reason):
                busy = f"{status} {reason}"
                continue
            del pending[index]
            _settle(outcome, index, status, reason)
        if pending:
            outcome.retried += len(pending)
            raise _Busy(f"{len(pending)} documents to send again, the last because of {busy}")

    def _leave_out(self, pending: dict[int, Write], outcome: Outcome) -> None:
        """Takes out what must not be written."""
        if self._judge is None or not pending:
            return
        order = list(pending)
        refused = self._judge([pending[index] for index in order])
        outcome.erased += len(refused)
        for index in refused:
            del pending[order[index]]

    def _send(self, writes: Sequence[Write]) -> list[dict[str, object]]:
        """An answer for each write; none at all where all are written."""
        try:
            body: Any = bulk_body(writes)  # the client takes lines that are made too
            response = self._client.bulk(operations=body, filter_path=_READ)
        except TransportError as error:
            raise _Busy(f"Elasticsearch cannot be reached: {plainly(error)}") from error
        except ApiError as error:
            if error.meta.status in _OF_THE_REQUEST:
                return self._halved(writes, error)
            if error.meta.status in _RETRY_STATUS:
                raise _Busy(f"Elasticsearch answers {error.meta.status}") from error
            raise IndexUnavailable(
                f"Elasticsearch refuses bulk requests with {plainly(error)}",
                "check elasticsearch_url and the API key's rights, the job goes on from its checkpoint",
            ) from error
        return [item["index"] for item in response["items"]] if response["errors"] else []

    def _halved(self, writes: Sequence[Write], error: ApiError) -> list[dict[str, object]]:
        if len(writes) > 1:
            half = len(writes) // 2
            parts = writes[:half], writes[half:]
            return [item for part in parts for item in self._send(part) or [{"status": 200}] * len(part)]
        reason = {"type": error.message, "reason": str(error.body)[:_LONGEST_REASON]}
        return [{"status": error.meta.status, "error": reason}]


_LONGEST_REASON = 500  # characters


def _settle(outcome: Outcome, index: int, status: object, reason: str) -> None:
    if status == 409:
        outcome.stale += 1
    elif status in (200, 201):
        outcome.indexed += 1
    else:
        outcome.failures[index] = f"{status} {reason}"


def _reason(item: dict[str, object]) -> str:
    error = item.get("error")
    if not isinstance(error, dict):
        return ""
    cause = error.get("caused_by") or {}
    return ": ".join(
        str(part) for part in (error.get("type"), error.get("reason"), cause.get("reason")) if part
    )


def _is_retryable(status: object, reason: str) -> bool:
    return status in _RETRY_STATUS or (status == 403 and reason.startswith("cluster_block_exception"))


def _warn(state: RetryCallState) -> None:
    if state.attempt_number % 5 == 1 and state.outcome:
        _LOG.warning("bulk request, attempt %s: %s", state.attempt_number, state.outcome.exception())


def _give_up(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    raise IndexUnavailable(
        f"documents could not be written in {state.seconds_since_start:.0f} s: {error}",
        "bring Elasticsearch back (is it up? is its disk full, its index read-only?), the job "
        "goes on from its checkpoint and nothing is lost",
    ) from error
