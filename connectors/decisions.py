"""What is done about a visitor's signals: decides one change after the other, and says why not. Pure.

`decide` looks at the last changes of one visitor's signals in the order of their topic and gives what the
newest one leads to. It keeps nothing: what was sent before follows from the changes before, so the same
history gives the same answer, on a replay too. Times are those of the signals, never the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.actions import Action, ActionTable, Cap
from connectors.signals import Trigger, trigger_id

Reason = Literal[
    "no_consent",
    "paused",
    "just_purchased",
    "outranked",
    "capped",
    "quiet_hours",
    "expired",
    "no_longer_active",
]


@dataclass(frozen=True)
class Change:
    """What of a signal's version matters here; the fields are those of the signal."""

    signal_id: str
    visitor_id: str
    kind: str
    status: str
    version: int
    occurred_at_ms: int
    expires_at_ms: int
    consent: str | None = None


@dataclass
class _Sent:
    """A trigger that was due; cancelled before its time it is forgotten, later it counts for caps."""

    action: Action
    trigger: Trigger
    at_ms: int
    cancelled: bool = False


@dataclass
class _Visitor:
    """What the changes so far amount to."""

    known: dict[str, int] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    paused_until_ms: dict[str, int] = field(default_factory=dict)
    purchased_at_ms: int | None = None
    sent: list[_Sent] = field(default_factory=list)


def decide(
    history: Iterable[Change], table: ActionTable, evidence: Mapping[str, Any] | None = None
) -> list[Trigger]:
    """The triggers, cancellations and suppressed triggers that the last change of the history leads to.

    Args:
        history: changes of one visitor's signals, oldest first.
        table: what is done about which kind.
        evidence: of the last change; goes into the payload of what is due.

    A change that was there before, or that is older than what is known of its signal, leads to nothing.
    """
    visitor, found = _Visitor(), []
    for change in history:
        found = list(_step(visitor, change, table, evidence or {}))
    return found


def _step(
    visitor: _Visitor, change: Change, table: ActionTable, evidence: Mapping[str, Any]
) -> Iterator[Trigger]:
    if change.version <= visitor.known.get(change.signal_id, -1):
        return
    visitor.known[change.signal_id] = change.version
    _note(visitor, change, table)
    if change.status != "active":
        yield from _cancel(visitor, change.version, lambda sent: sent.trigger.signal_id == change.signal_id)
    elif change.signal_id not in visitor.decided:
        visitor.decided.add(change.signal_id)
        for action in table.of(change.kind):
            yield from _about(visitor, change, action, table, evidence)


def _note(visitor: _Visitor, change: Change, table: ActionTable) -> None:
    """What the change says of the visitor, whatever is done about it."""
    if change.kind in table.suppress.paused_by:
        until = change.expires_at_ms if change.status == "active" else 0
        visitor.paused_until_ms[change.signal_id] = until
    if change.status == "recovered" or (
        change.kind in table.suppress.purchases and change.status == "active"
    ):
        visitor.purchased_at_ms = max(change.version, visitor.purchased_at_ms or 0)


def _about(
    visitor: _Visitor, change: Change, action: Action, table: ActionTable, evidence: Mapping[str, Any]
) -> Iterator[Trigger]:
    due_at_ms, reason = _due(change, action, table)
    reason = reason or _suppressed(visitor, change, action, table)
    trigger = Trigger(
        trigger_id=trigger_id(change.signal_id, action.action, action.step),
        signal_id=change.signal_id,
        visitor_id=change.visitor_id,
        action=action.action,
        status="suppressed" if reason else "due",
        reason=reason,
        decided_at_ms=change.version,
        due_at_ms=due_at_ms,
        expires_at_ms=change.expires_at_ms,
        payload={**action.payload, "kind": change.kind, "evidence": dict(evidence)},
    )
    yield trigger
    if reason is None:
        yield from _cancel(
            visitor,
            change.version,
            lambda sent: (
                sent.action.priority > action.priority
                and sent.trigger.due_at_ms > change.occurred_at_ms
                and change.occurred_at_ms - sent.at_ms <= action.outranks_for_ms
            ),
            "outranked",
        )
        visitor.sent.append(_Sent(action, trigger, change.occurred_at_ms))


def _due(change: Change, action: Action, table: ActionTable) -> tuple[int, Reason | None]:
    due_at_ms = change.occurred_at_ms + action.delay_ms
    ends_at_ms = table.quiet_hours.ends_at_ms(due_at_ms) if table.quiet_hours else None
    if table.quiet_hours and ends_at_ms is not None:
        if table.quiet_hours.policy == "drop":
            return due_at_ms, "quiet_hours"
        due_at_ms = ends_at_ms
    return due_at_ms, "expired" if due_at_ms >= change.expires_at_ms else None


def _suppressed(visitor: _Visitor, change: Change, action: Action, table: ActionTable) -> Reason | None:
    at_ms, suppress = change.occurred_at_ms, table.suppress
    if change.consent in suppress.consent:
        return "no_consent"
    if any(until > at_ms for until in visitor.paused_until_ms.values()):
        return "paused"
    bought = visitor.purchased_at_ms
    if bought is not None and at_ms - bought <= suppress.after_purchase_ms:
        return "just_purchased"
    if any(_outranks(sent, action, at_ms) for sent in visitor.sent):
        return "outranked"
    same = [
        sent
        for sent in visitor.sent
        if (sent.action.kind, sent.action.action) == (action.kind, action.action)
    ]
    near = [sent for sent in same if abs(at_ms - sent.at_ms) < action.cap.within_ms]
    capped = len(near) >= action.cap.triggers or _rule_is_capped(visitor, change, table.rule_caps)
    return "capped" if capped else None


def _rule_is_capped(visitor: _Visitor, change: Change, caps: Mapping[str, Cap]) -> bool:
    """Whether as many other signals of this kind have set something off as their rule allows."""
    if (cap := caps.get(change.kind)) is None:
        return False
    near = (sent for sent in visitor.sent if abs(change.occurred_at_ms - sent.at_ms) < cap.within_ms)
    others = {sent.trigger.signal_id for sent in near if sent.action.kind == change.kind} - {change.signal_id}
    return len(others) >= cap.triggers


def _outranks(sent: _Sent, action: Action, at_ms: int) -> bool:
    near = abs(at_ms - sent.at_ms) <= sent.action.outranks_for_ms
    return near and not sent.cancelled and sent.action.priority < action.priority


def _cancel(
    visitor: _Visitor, at_ms: int, meant: Callable[[_Sent], bool], reason: Reason = "no_longer_active"
) -> Iterator[Trigger]:
    for sent in [sent for sent in visitor.sent if not sent.cancelled and meant(sent)]:
        sent.cancelled = True
        if sent.trigger.due_at_ms > at_ms:
            visitor.sent.remove(sent)
        payload = {name: value for name, value in sent.trigger.payload.items() if name != "evidence"}
        yield sent.trigger.model_copy(
            update={"status": "cancelled", "reason": reason, "decided_at_ms": at_ms, "payload": payload}
        )
