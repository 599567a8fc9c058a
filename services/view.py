"""What is so for each visitor now, in memory: unexpired signals, the newest version of each.

It holds what decisions and streams need and no evidence: that is in the index, found by the signal's id.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable

import msgspec
from msgspec import Struct

from connectors.contracts.decoding import decoder
from connectors.contracts.signal_head import Context, SignalHead, Time, VisitorId
from connectors.contracts.signals import SignalStatus


class Change(SignalHead):
    """One version of a signal as it lies in the topic; the members that matter here."""

    score: float | None = None
    context: Context | None = None


class Erased(Struct):
    """An order to forget a visitor; nothing of a version up to `quiet_until_ms` counts any more."""

    visitor_id: VisitorId
    quiet_until_ms: Time


class Fact(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is known of one signal; `denied` says that its context has the word of no consent."""

    signal_id: str
    kind: str
    status: SignalStatus
    version: int
    occurred_at_ms: int
    expires_at_ms: int
    score: float | None = None
    denied: bool = False


def name_of(fact: Fact) -> str:
    """The name of a change: `signal_id:version`, and that it has expired, which is no version of its own."""
    expired = ":expired" if fact.status == "expired" else ""
    return f"{fact.signal_id}:{fact.version}{expired}"


Notify = Callable[[str, Fact | None], None]
read_change, read_order = decoder(Change), decoder(Erased)


class View:
    """Facts by visitor; listeners get every change."""

    def __init__(self, most: int, notify: Notify = lambda _visitor, _fact: None) -> None:
        """An empty view.

        Args:
            most: signals at most; of more, those that expire first are given up.
            notify: called with visitor and fact; None as a fact means that all of the visitor is gone.
        """
        self._most, self._notify = most, notify
        self._visitors: dict[str, dict[str, Fact]] = {}
        self._ends: list[tuple[int, str, str]] = []
        self._newest: dict[str, str] = {}
        self._erased: dict[str, int] = {}
        self.signals = self.given_up = 0

    def __len__(self) -> int:
        """Visitors of whom something is so."""
        return len(self._visitors)

    def knows(self, visitor_id: str) -> bool:
        """Whether any signal of the visitor is held."""
        return visitor_id in self._visitors

    def of(self, visitor_id: str, now_ms: int) -> tuple[Fact, ...]:
        """The visitor's signals that have not expired, the newest first."""
        facts = [one for one in self._visitors.get(visitor_id, {}).values() if one.expires_at_ms > now_ms]
        return tuple(sorted(facts, key=lambda one: (-one.occurred_at_ms, one.signal_id)))

    def newest(self, visitor_id: str) -> str:
        """Name of the visitor's last change; empty where nothing is held."""
        return self._newest.get(visitor_id, "")

    def apply(self, change: Change, now_ms: int) -> bool:
        """Takes one version; whether it changed anything. Copies and older versions do not."""
        visitor, held = change.visitor_id, self._visitors.get(change.visitor_id, {}).get(change.signal_id)
        if change.version <= self._erased.get(visitor, -1) or (held and held.version >= change.version):
            return False
        if change.expires_at_ms <= now_ms:
            return held is not None and self._drop(visitor, change.signal_id)
        fact = _fact(change)
        if held is None:
            self.signals += 1
        if held is None or held.expires_at_ms != fact.expires_at_ms:
            heapq.heappush(self._ends, (fact.expires_at_ms, visitor, fact.signal_id))
        self._visitors.setdefault(visitor, {})[fact.signal_id] = fact
        self._newest[visitor] = name_of(fact)
        self._notify(visitor, fact)
        self._keep_bound()
        return True

    def forget(self, order: Erased) -> None:
        """Obeys an order to erase; signals of later than its quiet time stay."""
        visitor, until_ms = order.visitor_id, order.quiet_until_ms
        self._erased[visitor] = max(until_ms, self._erased.get(visitor, -1))
        gone = [one.signal_id for one in self._visitors.get(visitor, {}).values() if one.version <= until_ms]
        for signal_id in gone:
            self._take_out(visitor, signal_id)
        if gone:
            self._notify(visitor, None)

    def sweep(self, now_ms: int) -> None:
        """Lets go of what has expired; listeners get it with the status `expired`."""
        while self._ends and self._ends[0][0] <= now_ms:
            _, visitor, signal_id = heapq.heappop(self._ends)
            held = self._visitors.get(visitor, {}).get(signal_id)
            if held is not None and held.expires_at_ms <= now_ms:
                self._drop(visitor, signal_id)

    def _drop(self, visitor: str, signal_id: str) -> bool:
        fact = msgspec.structs.replace(self._take_out(visitor, signal_id), status="expired")
        if visitor in self._newest:
            self._newest[visitor] = name_of(fact)
        self._notify(visitor, fact)
        return True

    def _take_out(self, visitor: str, signal_id: str) -> Fact:
        facts = self._visitors[visitor]
        fact = facts.pop(signal_id)
        self.signals -= 1
        if not facts:
            del self._visitors[visitor], self._newest[visitor]
        return fact

    def _keep_bound(self) -> None:
        while self.signals > self._most:
            ends, visitor, signal_id = heapq.heappop(self._ends)
            held = self._visitors.get(visitor, {}).get(signal_id)
            if held is not None and held.expires_at_ms == ends:
                self._take_out(visitor, signal_id)
                self.given_up += 1


def _fact(change: Change) -> Fact:
    return Fact(
        change.signal_id,
        sys.intern(change.kind),
        change.status,
        change.version,
        change.occurred_at_ms,
        change.expires_at_ms,
        change.score,
        change.context is not None and change.context.consent == "denied",
    )
