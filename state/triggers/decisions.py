"""What is done about a change of a signal: due, cancelled, or suppressed and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from connectors.contracts.canaries import is_canary
from connectors.contracts.experiments import Experiments
from connectors.contracts.segments import ENTERED
from connectors.contracts.signals import TriggerStatus, trigger_id
from state.logic import Out
from state.triggers.actions import Action, ActionTable
from state.triggers.arms import NONE, TriggerArms
from state.triggers.memory import MOST_SENT, Memory, make_room
from state.triggers.signals import Change, Erased
from state.triggers.visitor import Known, Sent, Visitor

Reason = Literal[
    "no_consent",
    "paused",
    "just_purchased",
    "outranked",
    "capped",
    "quiet_hours",
    "expired",
    "holdout",
    "no_longer_active",
    "erased",
]
_encode = msgspec.json.Encoder().encode


class Decisions:
    """Decides by a table of actions; what it needs to know of a visitor is in the visitor."""

    def __init__(self, table: ActionTable, experiments: Experiments = NONE) -> None:
        self._arms = TriggerArms(experiments)
        self.memory = Memory(table)
        self._table, self._suppress, self._quiet = table, table.suppress, table.quiet_hours
        self._rows = {row.kind: table.of(row.kind) for row in table.actions}
        self._kinds = {*table.suppress.paused_by, *table.suppress.purchases}

    def concerns(self, change: Change) -> bool:
        """Whether anything can hang on the change; of all others nothing is remembered."""
        return not is_canary(change.visitor_id) and (
            change.kind in self._kinds
            or change.status == "recovered"
            or bool(self._rows_of(change))
            or self._ended_by(change) is not None
        )

    def take(self, visitor: Visitor, change: Change, out: Out) -> None:
        """Decides about a change; the visitor's clock is the time at which that happens."""
        if change.version <= visitor.erased_until:
            return
        visitor.clock = max(visitor.clock, change.version)
        self._note_purchase(visitor, change)
        self.memory.forget(visitor)
        if change.expires_at_ms <= visitor.clock:
            self._too_late(change, out)
        elif (known := _newer(visitor, change)) is not None:
            self._decide(visitor, change, known, out)

    def erase(self, visitor: Visitor, order: Erased, out: Out) -> None:
        """Cancels what may still be done, and forgets everything up to the end of the quiet time."""
        until = order.quiet_until_ms
        if until <= visitor.erased_until:
            return
        visitor.clock, visitor.erased_until = max(visitor.clock, order.erased_at_ms), until
        self.memory.forget(visitor)

        def meant(sent: Sent) -> bool:
            return sent.at <= until and sent.expires_at > visitor.clock

        _cancel(visitor, order.visitor_id, order.erased_at_ms, meant, "erased", out)
        visitor.sent = [sent for sent in visitor.sent if sent.at > until]
        visitor.known = {key: known for key, known in visitor.known.items() if known.version > until}
        visitor.bought_at = visitor.bought_at if visitor.bought_at > until else -1

    def _note_purchase(self, visitor: Visitor, change: Change) -> None:
        """A purchase counts even when its signal changes later."""
        bought = change.kind in self._suppress.purchases and change.status == "active"
        if bought or change.status == "recovered":
            visitor.bought_at = max(visitor.bought_at, change.version)

    def _too_late(self, change: Change, out: Out) -> None:
        """When a signal has expired, nothing comes of it; whether it was known is forgotten by then."""
        if change.status == "active":
            for row in self._rows_of(change):
                due_at, reason = self._due(change, row)
                _say(out, _document(change, row, due_at, "suppressed", reason or "expired"))

    def _decide(self, visitor: Visitor, change: Change, known: Known, out: Out) -> None:
        active = change.status == "active"
        known.pauses = active and change.kind in self._suppress.paused_by
        if not active:
            _no_longer(visitor, change, change.signal_id, out)
        elif not known.decided:
            known.decided = True
            self._end_stay(visitor, change, out)
            for row in self._rows_of(change):
                self._about(visitor, change, row, out)

    def _rows_of(self, change: Change) -> list[Action]:
        return [row for row in self._rows.get(change.kind, ()) if row.is_about(change.segment)]

    def _ended_by(self, change: Change) -> str | None:
        """The signal of the stay that the change ends, where one like it may set something off."""
        ended = change.ended_signal_id
        rows = self._rows.get(ENTERED, ()) if ended else ()
        return ended if any(row.is_about(change.segment) for row in rows) else None

    def _end_stay(self, visitor: Visitor, change: Change, out: Out) -> None:
        """Nothing is done any more about the segment that is left, though its signal should come later."""
        ended = self._ended_by(change)
        if ended is None:
            return
        known = visitor.known.get(ended)
        if known is None:
            make_room(visitor)
            known = visitor.known[ended] = Known(change.version, change.expires_at_ms)
        known.version, known.decided = max(known.version, change.version), True
        _no_longer(visitor, change, ended, out)

    def _about(self, visitor: Visitor, change: Change, row: Action, out: Out) -> None:
        due_at, reason = self._due(change, row)
        reason, variant = reason or self._suppressed(visitor, change, row), None
        if reason is None:  # only then does anything hang on the arm
            variant, held_out = self._arms.of(change.unit, row.action)
            reason = "holdout" if held_out else None
        _say(out, _document(change, row, due_at, "suppressed" if reason else "due", reason, variant))
        if reason is None:
            self._outrank(visitor, change, row, out)
            visitor.sent.append(_sent(visitor, change, row, due_at, variant))

    def _due(self, change: Change, row: Action) -> tuple[int, Reason | None]:
        due_at = change.occurred_at_ms + row.delay_ms
        ends_at = self._quiet.ends_at_ms(due_at) if self._quiet else None
        if self._quiet and ends_at is not None:
            if self._quiet.policy == "drop":
                return due_at, "quiet_hours"
            due_at = ends_at
        return due_at, "expired" if due_at >= change.expires_at_ms else None

    def _suppressed(self, visitor: Visitor, change: Change, row: Action) -> Reason | None:
        clock = visitor.clock
        if change.consent in self._suppress.consent:
            return "no_consent"
        if any(known.pauses for known in visitor.known.values()):
            return "paused"
        if visitor.bought_at >= 0 and clock - visitor.bought_at <= self._suppress.after_purchase_ms:
            return "just_purchased"
        if any(_outranks(sent, row, clock) for sent in visitor.sent):
            return "outranked"
        return "capped" if self._capped(visitor, change, row) else None

    def _capped(self, visitor: Visitor, change: Change, row: Action) -> bool:
        if len(visitor.sent) >= MOST_SENT:
            return True
        since = visitor.clock - row.cap.within_ms
        same = (one for one in visitor.sent if one.kind == row.kind and one.action == row.action)
        return sum(1 for sent in same if sent.at > since) >= row.cap.triggers or self._rule_capped(
            visitor, change
        )

    def _rule_capped(self, visitor: Visitor, change: Change) -> bool:
        """Whether as many other signals of this kind have set something off as their rule allows."""
        cap = self._table.rule_caps.get(change.kind)
        if cap is None:
            return False
        since = visitor.clock - cap.within_ms
        near = {sent.signal_id for sent in visitor.sent if sent.kind == change.kind and sent.at > since}
        return len(near - {change.signal_id}) >= cap.triggers

    def _outrank(self, visitor: Visitor, change: Change, row: Action, out: Out) -> None:
        """Cancels what is of less weight and not due yet."""
        clock = visitor.clock

        def meant(sent: Sent) -> bool:
            near = clock - sent.at <= row.outranks_for_ms
            return near and sent.priority > row.priority and sent.due_at > clock

        _cancel(visitor, change.visitor_id, change.version, meant, "outranked", out)


def _newer(visitor: Visitor, change: Change) -> Known | None:
    """What is known of the signal, with the change's version; None when that is no newer one."""
    known = visitor.known.get(change.signal_id)
    if known is None:
        make_room(visitor)
        known = visitor.known[change.signal_id] = Known(change.version, change.expires_at_ms)
        return known
    if change.version <= known.version:
        return None
    known.version, known.expires_at = change.version, change.expires_at_ms
    return known


def _outranks(sent: Sent, row: Action, clock: int) -> bool:
    return not sent.cancelled and sent.priority < row.priority and clock - sent.at <= sent.outranks_for


def _sent(visitor: Visitor, change: Change, row: Action, due_at: int, variant: str | None) -> Sent:
    return Sent(
        signal_id=change.signal_id,
        kind=change.kind,
        action=row.action,
        step=row.step,
        priority=row.priority,
        outranks_for=row.outranks_for_ms,
        at=visitor.clock,
        due_at=due_at,
        expires_at=change.expires_at_ms,
        payload={**row.payload, "kind": change.kind},
        variant=variant,
    )


def _no_longer(visitor: Visitor, change: Change, signal_id: str, out: Out) -> None:
    """Cancels what a signal set off that is over because of the change."""

    def meant(sent: Sent) -> bool:
        return sent.signal_id == signal_id

    _cancel(visitor, change.visitor_id, change.version, meant, "no_longer_active", out)


def _cancel(
    visitor: Visitor,
    visitor_id: str,
    decided_at: int,
    meant: Callable[[Sent], bool],
    reason: Reason,
    out: Out,
) -> None:
    """Cancels; what was not due by now was not done, and is forgotten at once."""
    found = [sent for sent in visitor.sent if not sent.cancelled and meant(sent)]
    for sent in found:
        sent.cancelled = True
        _say(out, _cancellation(sent, visitor_id, decided_at, reason))
    if found:
        visitor.sent = [sent for sent in visitor.sent if not sent.cancelled or sent.due_at <= visitor.clock]


def _document(
    change: Change,
    row: Action,
    due_at: int,
    status: TriggerStatus,
    reason: Reason | None,
    variant: str | None = None,
) -> dict[str, Any]:
    unit = {} if variant is None else {"unit": change.unit}
    why = {} if reason is None else {"reason": reason}
    return {
        "trigger_id": trigger_id(change.signal_id, row.action, row.step),
        "signal_id": change.signal_id,
        "visitor_id": change.visitor_id,
        "action": row.action,
        "status": status,
        **why,
        **_in(variant),
        **unit,
        "decided_at_ms": change.version,
        "due_at_ms": due_at,
        "expires_at_ms": change.expires_at_ms,
        "payload": {**row.payload, "kind": change.kind, "evidence": change.evidence},
    }


def _cancellation(sent: Sent, visitor_id: str, decided_at: int, reason: Reason) -> dict[str, Any]:
    return {
        "trigger_id": trigger_id(sent.signal_id, sent.action, sent.step),
        "signal_id": sent.signal_id,
        "visitor_id": visitor_id,
        "action": sent.action,
        "status": "cancelled",
        "reason": reason,
        **_in(sent.variant),
        "decided_at_ms": decided_at,
        "due_at_ms": sent.due_at,
        "expires_at_ms": sent.expires_at,
        "payload": sent.payload,
    }


def _in(variant: str | None) -> dict[str, str]:
    return {} if variant is None else {"variant": variant}


def _say(out: Out, document: dict[str, Any]) -> None:
    kind = "suppressed" if document["status"] == "suppressed" else "trigger"
    out.add(
        kind, document["visitor_id"], document["trigger_id"], document["decided_at_ms"], _encode(document)
    )
