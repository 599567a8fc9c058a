"""A synthetic visitor leaves a cart now and then; its cart_abandoned must be found when it is due."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from connectors.contracts.canaries import PREFIX
from connectors.contracts.events import SCHEMA

KIND = "cart_abandoned"
_MOST_WAITING = 10_000


class Canary:
    """Carts that were left and not yet found. Reads no clock: it is told the time.

    One of which a later one was found is lost: it is counted, and waited for no longer.

    Attributes:
        lost: carts whose signal did not come although that of a later one did.
        delay_ms: of the last that was found, behind its due time; None before the first.
    """

    def __init__(self, write: Callable[[str, bytes], None], wait_ms: int, every_ms: int) -> None:
        """Sends nothing yet.

        Args:
            write: takes the visitor's id and the event.
            wait_ms: how long a cart is left before it is abandoned.
            every_ms: between two carts.
        """
        self._write, self._wait_ms, self._every_ms = write, wait_ms, every_ms
        self._due: dict[str, int] = {}  # visitor -> when its signal is due, the oldest first
        self._next_ms = 0
        self.lost = self.sent = self.arrived = 0
        self.delay_ms: int | None = None

    def tick(self, now_ms: int) -> None:
        """Leaves a cart when it is time.

        Raises:
            BrokerUnavailable: Kafka does not take it; the next tick tries again, with another cart.
        """
        if now_ms < self._next_ms:
            return
        visitor = f"{PREFIX}{now_ms}"
        self._write(visitor, _cart(visitor, now_ms))
        self._next_ms = now_ms + self._every_ms
        self.sent += 1
        self._due[visitor] = now_ms + self._wait_ms
        if len(self._due) > _MOST_WAITING:
            del self._due[next(iter(self._due))]

    def found(self, visitor_id: str, now_ms: int) -> None:
        """The visitor's signal was found; another's that is no canary's changes nothing."""
        due = self._due.pop(visitor_id, None)
        if due is None:
            return
        self.arrived += 1
        self.delay_ms = now_ms - due
        for earlier in [other for other, at in self._due.items() if at < due]:
            del self._due[earlier]
            self.lost += 1

    def overdue_s(self, now_ms: int) -> float:
        """How long the oldest cart that waits has been due."""
        return max(0, now_ms - next(iter(self._due.values()), now_ms)) / 1000


def _cart(visitor: str, now_ms: int) -> bytes:
    """Without a product: none is to be popular, or to be recommended, for it."""
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "event_id": f"{visitor}-cart",
            "event_type": "add_to_cart",
            "event_time_ms": now_ms,
            "visitor_id": visitor,
            "context": {"consent": "granted"},
        }
    )
