"""TRIGGERS on a worker: the logic, and counters of what it decides."""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.contracts.experiments import Experiments
from connectors.contracts.signals import TRIGGER_STATUSES, TriggerStatus
from state.logic import Out
from state.triggers.actions import ActionTable
from state.triggers.logic import TriggersLogic


class _Decision(msgspec.Struct):
    status: TriggerStatus


_decision = msgspec.json.Decoder(_Decision).decode


class CountedTriggers(TriggersLogic):
    """The logic with a counter for each status of a decision, and one for messages that are no signals."""

    def __init__(self, table: ActionTable, experiments: Experiments, group: Any) -> None:
        """Opens the counters in the group of metrics."""
        super().__init__(table, experiments=experiments)
        self._decided = {status: group.counter(status) for status in TRIGGER_STATUSES}
        self._counter, self._counted = group.counter("refused"), 0

    def end_slice(self, out: Out) -> None:
        """Counts what came out of the slice."""
        for document in out.documents:
            self._decided[_decision(document.body).status].inc()
        if self.refused > self._counted:
            self._counter.inc(self.refused - self._counted)
            self._counted = self.refused
