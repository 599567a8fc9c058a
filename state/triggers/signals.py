"""What comes to TRIGGERS: signals as their contract has them, and orders to erase."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from connectors.contracts.decoding import UNREADABLE, decoder
from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from connectors.contracts.segments import LEFT, MOVES
from connectors.contracts.signal_head import Context, SignalHead, Time, VisitorId

NO_EVIDENCE = Raw(b"{}")


class Move(Struct):
    """What the evidence of a move between segments tells; a signal of another kind tells of none.

    Attributes:
        segment: that is entered or left.
        entered_signal_id: of what is left, the signal of its beginning.
    """

    segment: str | None = None
    entered_signal_id: str | None = None


_move = decoder(Move)


class Change(SignalHead):
    """One version of a signal; the members are those of its contract."""

    evidence: Raw = NO_EVIDENCE
    context: Context | None = None

    @property
    def at(self) -> int:
        """Event time of the change."""
        return self.version

    @property
    def consent(self) -> Any:
        """The consent status that the signal carries."""
        return self.context.consent if self.context else None

    @property
    def segment(self) -> str | None:
        """The segment that the visitor enters or leaves."""
        return self._move_of().segment

    @property
    def ended_signal_id(self) -> str | None:
        """The signal of the stay that this one ends."""
        return self._move_of().entered_signal_id if self.kind == LEFT else None

    def _move_of(self) -> Move:
        try:
            return _move(bytes(self.evidence)) if self.kind in MOVES else Move()
        except UNREADABLE:
            return Move()

    @property
    def unit(self) -> str:
        """What experiments go by: the device, which is the visitor itself where the signal names none."""
        device = self.context.anonymous_id if self.context else None
        is_id = isinstance(device, str) and 0 < len(device) <= VISITOR_ID_MAX_LENGTH
        return str(device) if is_id else self.visitor_id


class Erased(Struct):
    """The order to forget a visitor (`connectors.elasticsearch.erasures.Erasure.to_order`).

    Attributes:
        visitor_id: whom.
        erased_at_ms: when it was asked for.
        quiet_until_ms: nothing of a version up to here leads to anything.
    """

    visitor_id: VisitorId
    erased_at_ms: Time
    quiet_until_ms: Time

    @property
    def at(self) -> int:
        """When it was asked for."""
        return self.erased_at_ms


_change, _order = decoder(Change), decoder(Erased)


def read(value: bytes) -> Change | Erased | None:
    """The signal or the order in a message; None when it is neither.

    >>> read(b'{"visitor_id":"v","erased_at_ms":5,"quiet_until_ms":9}')
    Erased(visitor_id='v', erased_at_ms=5, quiet_until_ms=9)
    >>> read(b'{"visitor_id":"v","erased_at_ms":5.0,"quiet_until_ms":1.7e12}').quiet_until_ms
    1700000000000
    >>> read(b'{"visitor_id":"v"}') is None
    True
    """
    try:
        change = _change(value)
    except UNREADABLE:
        return order_in(value)
    return change if bytes(change.evidence).lstrip()[:1] == b"{" else None


def order_in(value: bytes) -> Erased | None:
    """The order to erase in a message; None when it is none."""
    try:
        return _order(value)
    except UNREADABLE:
        return None
