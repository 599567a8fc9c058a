"""In which segment each visitor is now, in memory: the newest record of topic footfall.segments."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from connectors.contracts.decoding import decoder
from connectors.contracts.signal_head import Time, VisitorId


class Membership(Struct):
    """One record; without a segment nothing is known of the visitor any more."""

    visitor_id: VisitorId
    version: Time
    segment: str | None = None


read_membership = decoder(Membership)


class Memberships:
    """Segments by visitor; of those that are not held the index knows."""

    def __init__(self, most: int) -> None:
        """None so far; at most so many, the longest unchanged one goes first."""
        self._most = most
        self._held: OrderedDict[str, tuple[int, str | None]] = OrderedDict()

    def __len__(self) -> int:
        """Visitors that are held."""
        return len(self._held)

    def apply(self, found: Membership) -> None:
        """Takes a record; an older version than the one held changes nothing."""
        held = self._held.get(found.visitor_id)
        if held is not None and held[0] > found.version:
            return
        self._held[found.visitor_id] = (found.version, found.segment)
        self._held.move_to_end(found.visitor_id)
        if len(self._held) > self._most:
            self._held.popitem(last=False)

    def knows(self, visitor_id: str) -> bool:
        """Whether a record of the visitor is held."""
        return visitor_id in self._held

    def of(self, visitor_id: str) -> str | None:
        """The visitor's segment; None where none is known."""
        held = self._held.get(visitor_id)
        return held[1] if held is not None else None

    def forget(self, visitor_id: str) -> None:
        """Nothing is held of an erased visitor."""
        self._held.pop(visitor_id, None)
