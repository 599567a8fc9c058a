"""Triggers on a worker: a visitor's last signals in, the contract's trigger documents out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from pyflink.table import DataTypes, TableFunction
from pyflink.table.udf import udtf

from connectors.actions import ActionTable
from connectors.decisions import Change, decide
from connectors.signals import Trigger

_SEPARATOR = "\x1e"


def decided(history: str, document: str, table: ActionTable) -> list[Trigger]:
    r"""What the newest change leads to.

    Args:
        history: the changes as JSON objects, oldest first, U+001E between two.
        document: the signal as it was changed last.
        table: what is done about which kind.
    """
    changes = [Change(**orjson.loads(change)) for change in history.split(_SEPARATOR)]
    return decide(changes, table, orjson.loads(document).get("evidence"))


class DecideTriggers(TableFunction):  # type: ignore[misc]
    """(history, document) -> (visitor_id, status, trigger document) per decision."""

    def __init__(self, table: ActionTable) -> None:
        self._table = table.model_dump(mode="json")

    def open(self, function_context: Any) -> None:
        """Reads the table and opens the counters of each status."""
        self._actions = ActionTable.model_validate(self._table)
        group = function_context.get_metric_group().add_group("triggers")
        self._counters = {status: group.counter(status) for status in ("due", "cancelled", "suppressed")}

    def eval(self, history: str, document: str) -> Iterator[tuple[str, str, str]]:
        """Yields the decisions of one change."""
        for trigger in decided(history, document, self._actions):
            self._counters[trigger.status].inc()
            yield trigger.visitor_id, trigger.status, orjson.dumps(trigger.to_document()).decode()


def decide_triggers(table: ActionTable) -> Any:
    """The function as Flink registers it."""
    text = DataTypes.STRING()
    return udtf(DecideTriggers(table), input_types=[text, text], result_types=[text, text, text])
