"""Admission on its own: what an ingest that is deployed without VISITORS remembers of a visitor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from state.codec import Codec
from state.devices.judged import ORDINARY, Judged, order_of, unpack_judged
from state.logic import Logic, Out, SourcePosition
from state.options import Options
from state.visitor import Admission
from state.visitors.admission import Gate
from state.visitors.signals import Signals

CODEC = Codec(Admission, version=1)


class AdmissionLogic(Logic[Admission, Judged]):
    """Judged events in; valid events, dead letters, aliases and the signals of ingest out.

    Args:
        options: caps and switches.
        now_ms: the wall clock, epoch milliseconds.
    """

    codec = CODEC

    def __init__(self, options: Options, now_ms: Callable[[], int]) -> None:
        self._options, self._gate = options, Gate(options, Signals(options, now_ms))

    def items(
        self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[Judged]:
        """The events; what is shared by guests needs the rules and is not for here."""
        return [item for item in unpack_judged(values) if item.role == ORDINARY]

    def order(self, item: Judged) -> tuple[int, int, str]:
        """By time, sequence and id."""
        return order_of(item.event)

    def entity_id(self, item: Judged) -> str:
        """The visitor."""
        return item.visitor_id

    def new(self, entity_id: str) -> Admission:
        """A visitor that was not seen before."""
        return Admission()

    def take(self, entity: Admission, item: Judged, out: Out) -> None:
        """Lets the event pass or holds it back."""
        self._gate.passes(entity, item, out)

    def take_late(self, entity: Admission, item: Judged, out: Out) -> None:
        """Late events went their own way already."""

    def settle(self, entity: Admission, now: int, out: Out) -> None:
        """Nothing is pending."""

    def next_due(self, entity: Admission) -> int:
        """When the visitor may be forgotten."""
        return entity.last_at + self._options.memory_ms(has_bought=False)

    def is_over(self, entity: Admission, now: int) -> bool:
        """Whether the visitor has been silent for so long."""
        return self.next_due(entity) < now
