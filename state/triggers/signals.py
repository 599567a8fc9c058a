"""What comes to TRIGGERS: signals as their contract has them, and orders to erase."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from connectors.contracts.messages import integer_of
from connectors.contracts.signal_head import Context, SignalHead, Time, VisitorId

_TIMES = ("version", "occurred_at_ms", "expires_at_ms", "erased_at_ms", "quiet_until_ms")
NO_EVIDENCE = Raw(b"{}")


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
        """The word on consent that the signal carries."""
        return self.context.consent if self.context else None

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


_changes, _orders = msgspec.json.Decoder(Change), msgspec.json.Decoder(Erased)


def read(value: bytes) -> Change | Erased | None:
    """The signal or the order in a message; None when it is neither.

    >>> read(b'{"visitor_id":"v","erased_at_ms":5,"quiet_until_ms":9}')
    Erased(visitor_id='v', erased_at_ms=5, quiet_until_ms=9)
    >>> read(b'{"visitor_id":"v"}') is None
    True
    """
    try:
        change = _changes.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _order(value) or _written_otherwise(value)
    return change if bytes(change.evidence).lstrip()[:1] == b"{" else None


def _written_otherwise(value: bytes) -> Change | Erased | None:
    """The same of a message that has whole numbers as 2.0 or 1.7e12."""
    try:
        document = msgspec.json.decode(value, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    whole = {name: integer_of(found) for name in _TIMES if isinstance(found := document.get(name), float)}
    return (
        read(msgspec.json.encode({**document, **whole}))
        if any(one is not None for one in whole.values())
        else None
    )


def _order(value: bytes) -> Erased | None:
    try:
        return _orders.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
