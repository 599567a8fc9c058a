"""Writes documents to Elasticsearch: one call is one Arrow batch is one bulk request."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pyflink.table import DataTypes, ScalarFunction
from pyflink.table.udf import udf

from connectors.elasticsearch import BulkWriter, ElasticsearchEnds, Outcome, Write
from connectors.erasures import Register


def answers(outcome: Outcome, size: int) -> list[str | None]:
    """None for every written document, the server's reason for every refused one, in the batch's order.

    >>> answers(Outcome(indexed=1, stale=0, retried=0, failures={1: "400 mapping"}), 2)
    [None, '400 mapping']
    """
    return [outcome.failures.get(place) for place in range(size)]


_COUNTED = ("indexed", "stale", "retried", "failed", "erased")


class BulkIndex(ScalarFunction):  # type: ignore[misc]
    """(index, document id, version, document) -> NULL when it is indexed, else the server's reason.

    Flink finishes a batch before a checkpoint barrier passes: whatever is not acknowledged is written again.
    """

    def __init__(self, ends: ElasticsearchEnds) -> None:
        self._ends = ends

    def open(self, function_context: Any) -> None:
        """Opens the client and the counters that on-call reads."""
        client = self._ends.client()
        self._writer, self._register = BulkWriter(client, self._ends.retry_ms), Register(client)
        group = function_context.get_metric_group().add_group("index")
        self._counters = {name: group.counter(name) for name in _COUNTED}

    def is_deterministic(self) -> bool:
        """It writes: the planner must neither drop nor repeat a call."""
        return False

    def eval(
        self, index: pd.Series | str, ids: pd.Series, versions: pd.Series, documents: pd.Series
    ) -> pd.Series:
        """Writes one batch. The planner passes an index that is the same for every row as plain text."""
        rows = zip(pd.Series(index, index=ids.index), ids, versions, documents, strict=True)
        writes = [Write(name, document_id, int(version), text) for name, document_id, version, text in rows]
        outcome = self._write(writes)
        self._count(outcome)
        return pd.Series(answers(outcome, len(writes)), dtype=object)

    def _write(self, writes: list[Write]) -> Outcome:
        """Writes what is of nobody who was erased; what is, counts as settled."""
        erased = self._register.refused(writes)
        if not erased:
            return self._writer.write(writes)
        self._counters["erased"].inc(len(erased))
        places = [place for place in range(len(writes)) if place not in erased]
        outcome = self._writer.write([writes[place] for place in places])
        outcome.failures = {places[place]: reason for place, reason in outcome.failures.items()}
        return outcome

    def _count(self, outcome: Outcome) -> None:
        self._counters["indexed"].inc(outcome.indexed)
        self._counters["stale"].inc(outcome.stale)
        self._counters["retried"].inc(outcome.retried)
        self._counters["failed"].inc(len(outcome.failures))


def bulk_index(ends: ElasticsearchEnds) -> Any:
    """The function as Flink registers it."""
    return udf(
        BulkIndex(ends),
        input_types=[DataTypes.STRING(), DataTypes.STRING(), DataTypes.BIGINT(), DataTypes.STRING()],
        result_type=DataTypes.STRING(),
        func_type="pandas",
    )
