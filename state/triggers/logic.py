"""TRIGGERS as the engine hosts it: signals in, as they come; what is done about them out."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contracts.experiments import Experiments
from state.logic import Logic, Out, SourcePosition
from state.triggers.actions import ActionTable
from state.triggers.arms import NONE
from state.triggers.decisions import Decisions
from state.triggers.signals import Change, Erased, read
from state.triggers.visitor import CODEC, Visitor

KEEP_MS = 86_400_000


class TriggersLogic(Logic[Visitor, Change | Erased]):
    """Decides about each change of a signal as it comes.

    Attributes:
        refused: messages that were neither signals nor orders to erase; for a metric.
    """

    codec = CODEC

    def __init__(self, table: ActionTable, keep_ms: int = KEEP_MS, experiments: Experiments = NONE) -> None:
        """Says what is done about which kind.

        Args:
            table: of actions, with the caps of the active rules.
            keep_ms: so much longer than anything hangs on a visitor it is kept, for copies that come late.
            experiments: whose arms triggers carry.
        """
        self._decisions, self._keep_ms = Decisions(table, experiments), keep_ms
        self._memory = self._decisions.memory
        self.refused = 0

    def items(
        self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[Change | Erased]:
        """The changes and orders that something can hang on."""
        found = [item for item in map(read, values) if item is not None]
        self.refused += len(values) - len(found)
        return [item for item in found if isinstance(item, Erased) or self._decisions.concerns(item)]

    def order(self, item: Change | Erased) -> tuple[int, int, str]:
        """The same for all, so that sorting leaves them in the order in which they came."""
        return 0, 0, ""

    def entity_id(self, item: Change | Erased) -> str:
        """The visitor."""
        return item.visitor_id

    def new(self, entity_id: str) -> Visitor:
        """A visitor about whom nothing was decided."""
        return Visitor()

    def take(self, entity: Visitor, item: Change | Erased, out: Out) -> None:
        """Decides about a change, or obeys an order."""
        if isinstance(item, Erased):
            self._decisions.erase(entity, item, out)
        else:
            self._decisions.take(entity, item, out)

    def take_late(self, entity: Visitor, item: Change | Erased, out: Out) -> None:
        """The same: what counts is the order of arrival."""
        self.take(entity, item, out)

    def settle(self, entity: Visitor, now: int, out: Out) -> None:
        """Nothing happens by time alone: what is over is dropped at the next change, or with the visitor."""

    def next_due(self, entity: Visitor) -> int:
        """When the visitor may be forgotten."""
        return self._memory.ends(entity) + self._keep_ms

    def is_over(self, entity: Visitor, now: int) -> bool:
        """Whether nothing hangs on the visitor any more."""
        return self.next_due(entity) < now
