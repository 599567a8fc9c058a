"""Signals of one visitor, and a host that reads the visitor back from its bytes for every message."""

from __future__ import annotations

import json
from typing import Any

from state.bucket import Bucket, Counts, DictStore, taken
from state.logic import Out
from state.triggers.actions import ActionTable
from state.triggers.logic import TriggersLogic

HOUR = 3_600_000
DAY = 24 * HOUR
NOON = 1_700_049_600_000  # 2023-11-15T12:00:00Z
TABLE = ActionTable.model_validate(
    {
        "version": 1,
        "suppress": {
            "consent": ["denied"],
            "paused_by": ["suggestions_paused"],
            "purchases": ["first_purchase"],
            "after_purchase_ms": DAY,
        },
        "actions": [
            {
                "kind": "cart_abandoned", "action": "send_cart_offer", "step": "first", "priority": 1,
                "cap": {"triggers": 2, "within_ms": DAY}, "outranks_for_ms": HOUR, "payload": {"x": 1},
            },
            {
                "kind": "category_interest", "action": "suggest", "step": "first", "priority": 5,
                "delay_ms": 60_000, "cap": {"triggers": 1, "within_ms": HOUR},
            },
        ],
    }
)  # fmt: skip
Document = dict[str, Any]


def change(
    number: int, at_ms: int, kind: str = "cart_abandoned", status: str = "active", **more: Any
) -> Document:
    return {
        "signal_id": f"{number:032}",
        "visitor_id": "anna",
        "kind": kind,
        "status": status,
        "version": at_ms,
        "occurred_at_ms": at_ms,
        "expires_at_ms": at_ms + 7 * DAY,
        "evidence": {},
        "context": {},
        **more,
    }


def denied(number: int, at_ms: int) -> Document:
    return change(number, at_ms, context={"consent": "denied"})


def erased(at_ms: int, quiet_until_ms: int) -> Document:
    return {"visitor_id": "anna", "erased_at_ms": at_ms, "quiet_until_ms": quiet_until_ms}


class Host:
    """One bucket whose visitors are read back from their bytes for every message."""

    def __init__(self, table: ActionTable = TABLE) -> None:
        self.logic, self.store = TriggersLogic(table), DictStore()

    def take(self, *messages: Document) -> list[Document]:
        """What the messages, handed over together, lead to."""
        bucket = Bucket(0, self.logic, self.store, {}, Counts())
        out = taken(bucket, [json.dumps(one).encode() for one in messages], None, 0, late=False)
        return [json.loads(document.body) for document in out.documents]

    def settle(self, now: int) -> None:
        """Event time moves on."""
        Bucket(0, self.logic, self.store, {}, Counts()).settle(now, Out())


def decided(*history: Document, table: ActionTable = TABLE) -> list[tuple[str, str | None]]:
    """(status, reason) of what the last message led to."""
    host = Host(table)
    found: list[Document] = []
    for message in history:
        found = host.take(message)
    return [(one["status"], one.get("reason")) for one in found]
