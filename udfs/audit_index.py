"""Writes the audit's windows to Elasticsearch, and says as a metric how many of them do not balance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from pyflink.table import DataTypes, ScalarFunction
from pyflink.table.udf import udf

from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.elasticsearch.indices import AUDIT
from udfs.bulk_index import BulkIndex

_WINDOW_MS = 300_000
_REMEMBERED = 10_000  # unbalanced windows; more of them is one alarm too


def unbalanced(differences: dict[str, tuple[int, int]], settled_before_ms: int) -> int:
    """How many windows that began before then do not balance; younger ones are still being counted.

    >>> unbalanced({"a": (0, 3), "b": (300_000, 1)}, 300_000)
    1
    """
    return sum(1 for start_ms, _ in differences.values() if start_ms < settled_before_ms)


class AuditIndex(ScalarFunction):  # type: ignore[misc]
    """(audit id, version, document, window start, difference) -> NULL when indexed, else the reason."""

    def __init__(self, ends: ElasticsearchEnds) -> None:
        self._index = BulkIndex(ends)

    def open(self, function_context: Any) -> None:
        """Opens the client and the metrics. What a worker remembers serves the gauge only and may be lost."""
        self._index.open(function_context)
        self._differences: dict[str, tuple[int, int]] = {}
        self._newest_ms = 0
        group = function_context.get_metric_group().add_group("audit")
        group.gauge("unbalanced_windows", self._unbalanced)

    def is_deterministic(self) -> bool:
        """It writes: the planner must neither drop nor repeat a call."""
        return False

    def eval(
        self,
        ids: pd.Series,
        versions: pd.Series,
        documents: pd.Series,
        starts_ms: pd.Series,
        differences: pd.Series,
    ) -> pd.Series:
        """Writes one batch."""
        self._note(zip(ids, starts_ms, differences, strict=True))
        return self._index.eval(AUDIT.alias, ids, versions, documents)

    def _note(self, windows: Iterable[tuple[str, int, int]]) -> None:
        for audit_id, start_ms, difference in windows:
            self._newest_ms = max(self._newest_ms, int(start_ms))
            self._differences.pop(audit_id, None)
            if difference and len(self._differences) < _REMEMBERED:
                self._differences[audit_id] = int(start_ms), int(difference)

    def _unbalanced(self) -> int:
        return unbalanced(self._differences, self._newest_ms - _WINDOW_MS)


def audit_index(ends: ElasticsearchEnds) -> Any:
    """The function as Flink registers it."""
    return udf(
        AuditIndex(ends),
        input_types=[
            DataTypes.STRING(), DataTypes.BIGINT(), DataTypes.STRING(), DataTypes.BIGINT(),
            DataTypes.BIGINT(),
        ],
        result_type=DataTypes.STRING(),
        func_type="pandas",
    )  # fmt: skip
