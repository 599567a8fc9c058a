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
    reason: str | None = None


_decision = msgspec.json.Decoder(_Decision).decode


class CountedTriggers(TriggersLogic):
    """The logic with counters of decisions by status, of suppressed ones by reason, of no signals."""

    def __init__(self, table: ActionTable, experiments: Experiments, group: Any) -> None:
        """Opens the counters in the group of metrics."""
        super().__init__(table, experiments=experiments)
        self._decided = {status: group.counter(status) for status in TRIGGER_STATUSES}
        self._group = group
        self._suppressed: dict[str, Any] = {}
        self._counter, self._counted = group.counter("refused"), 0

    def end_slice(self, out: Out) -> None:
        """Counts what came out of the slice."""
        for document in out.documents:
            self._count(_decision(document.body))
        if self.refused > self._counted:
            self._counter.inc(self.refused - self._counted)
            self._counted = self.refused

    def _count(self, decision: _Decision) -> None:
        self._decided[decision.status].inc()
        reason = decision.reason
        if decision.status == "suppressed" and reason is not None:
            if reason not in self._suppressed:
                self._suppressed[reason] = self._group.add_group("reason", reason).counter("suppressed_for")
            self._suppressed[reason].inc()
