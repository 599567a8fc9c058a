"""Writes documents to Elasticsearch: one call is one Arrow batch is one bulk request."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import pandas as pd
from pyflink.table import DataTypes, ScalarFunction
from pyflink.table.udf import udf

from connectors.elasticsearch.bulk import BulkWriter, Outcome, Write
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.elasticsearch.erasures import Register


def answers(outcome: Outcome, size: int) -> list[str | None]:
    """None for every written document, the server's reason for every refused one, in the batch's order.

    >>> answers(Outcome(indexed=1, stale=0, retried=0, failures={1: "400 mapping"}), 2)
    [None, '400 mapping']
    """
    return [outcome.failures.get(index) for index in range(size)]


_COUNTED = ("indexed", "stale", "retried", "failed", "erased", "register_unreadable")


class BulkIndex(ScalarFunction):  # type: ignore[misc]
    """(index, document id, version, document) -> NULL when it is indexed, else the server's reason.

    A document is JSON as bytes, or as text. Flink finishes a batch before a checkpoint barrier passes:
    whatever is not acknowledged is written again.
    """

    def __init__(self, ends: ElasticsearchEnds) -> None:
        self._ends = ends

    def open(self, function_context: Any) -> None:
        """Opens the client and the counters that on-call reads."""
        group = function_context.get_metric_group().add_group("index")
        self._counters = {name: group.counter(name) for name in _COUNTED}
        client, retry_ms = self._ends.client(), self._ends.retry_ms
        register = Register(client, retry_ms=retry_ms, unreadable=self._counters["register_unreadable"].inc)
        self._writer = BulkWriter(client, retry_ms, register.refused)

    def is_deterministic(self) -> bool:
        """It writes: the planner must neither drop nor repeat a call."""
        return False

    def eval(
        self, index: pd.Series | str, ids: pd.Series, versions: pd.Series, documents: pd.Series
    ) -> pd.Series:
        """Writes one batch. The planner passes an index that is the same for every row as plain text."""
        names = repeat(index) if isinstance(index, str) else index.tolist()
        writes = list(map(Write, names, ids.tolist(), versions.tolist(), documents.tolist()))
        outcome = self._writer.write(writes)
        self._count(outcome)
        return pd.Series(answers(outcome, len(writes)), dtype=object)

    def _count(self, outcome: Outcome) -> None:
        self._counters["indexed"].inc(outcome.indexed)
        self._counters["stale"].inc(outcome.stale)
        self._counters["retried"].inc(outcome.retried)
        self._counters["failed"].inc(len(outcome.failures))
        self._counters["erased"].inc(outcome.erased)


def bulk_index(ends: ElasticsearchEnds) -> Any:
    """The function as Flink registers it."""
    return udf(
        BulkIndex(ends),
        input_types=[DataTypes.STRING(), DataTypes.STRING(), DataTypes.BIGINT(), DataTypes.BYTES()],
        result_type=DataTypes.STRING(),
        func_type="pandas",
    )
