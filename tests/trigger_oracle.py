"""What is done about a visitor's signals, naively: everything is kept, and looked through again for each change.

Independent of state/triggers: a table as plain dicts, documents as dicts, no forgetting, no index, no shared code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Document = dict[str, Any]


def trigger_key(signal: str, action: str, step: str) -> str:
    return hashlib.sha256(f"{signal}\n{action}\n{step}".encode()).hexdigest()[:32]


def is_quiet(quiet: Document, at_ms: int) -> bool:
    clock = f"{datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(quiet['zone'])):%H:%M}"
    inside = quiet["start"] <= clock, clock < quiet["end"]
    return all(inside) if quiet["start"] < quiet["end"] else any(inside)


def quiet_end(quiet: Document, at_ms: int) -> int:
    """The first minute that is not quiet, by trying one after the other."""
    while is_quiet(quiet, at_ms):
        at_ms = at_ms // 60_000 * 60_000 + 60_000
    return at_ms


@dataclass
class Asked:
    """A trigger that was due, with all that is ever asked of it."""

    row: Document
    document: Document
    at: int
    cancelled_at: int | None = None

    def may_be_done(self) -> bool:
        return self.cancelled_at is None or self.document["due_at_ms"] <= self.cancelled_at


@dataclass
class Oracle:
    """One visitor."""

    table: Document
    versions: dict[str, list[Document]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    purchases: list[int] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    quiet_until: int = -1
    now: int = 0

    def take(self, message: Document) -> list[Document]:
        """The documents that a message leads to."""
        if "signal_id" not in message:
            return self._erase(message)
        if message["version"] <= self.quiet_until or not self._matters(message):
            return []
        self.now = max(self.now, message["version"])
        self._purchase(message)
        if message["expires_at_ms"] <= self.now:
            rows = self._rows(message) if message["status"] == "active" else []
            return [self._suppressed(message, row, self._due(message, row)[1] or "expired") for row in rows]
        before = self.versions.setdefault(message["signal_id"], [])
        if any(one["version"] >= message["version"] for one in before):
            return []
        decided = any(one["status"] == "active" for one in before)
        before.append(message)
        if message["status"] != "active":
            mine = [one for one in self.asked if one.document["signal_id"] == message["signal_id"]]
            return self._cancel(mine, message["version"], "no_longer_active")
        if decided or message["signal_id"] in self.ended:
            return []
        return self._end_stay(message) + self._decide(message)

    def _matters(self, message: Document) -> bool:
        suppress = self.table["suppress"]
        named = [row["kind"] for row in self._rows(message)] + suppress["paused_by"] + suppress["purchases"]
        if message["kind"] == "segment_left" and self._rows(message | {"kind": "segment_entered"}):
            return True
        return message["kind"] in named or message["status"] == "recovered"

    def _end_stay(self, message: Document) -> list[Document]:
        """A visitor that has left a segment is no longer asked for having come into it."""
        if message["kind"] != "segment_left":
            return []
        entered = message["evidence"]["entered_signal_id"]
        self.ended[entered] = message["version"]
        mine = [one for one in self.asked if one.document["signal_id"] == entered]
        return self._cancel(mine, message["version"], "no_longer_active")

    def _purchase(self, message: Document) -> None:
        bought = message["kind"] in self.table["suppress"]["purchases"] and message["status"] == "active"
        if bought or message["status"] == "recovered":
            self.purchases.append(message["version"])

    def _rows(self, message: Document) -> list[Document]:
        return sorted(
            (row for row in self.table["actions"] if self._is_about(row, message)),
            key=lambda row: row["priority"],
        )

    def _is_about(self, row: Document, message: Document) -> bool:
        wanted = row.get("where", {}).get("segment")
        return row["kind"] == message["kind"] and (not wanted or message["evidence"]["segment"] in wanted)

    def _decide(self, message: Document) -> list[Document]:
        found: list[Document] = []
        for row in self._rows(message):
            due_at, reason = self._due(message, row)
            reason = reason or self._reason(message, row)
            if reason:
                found.append(self._suppressed(message, row, reason))
                continue
            document = self._document(message, row, due_at) | {"status": "due"}
            less = [
                one
                for one in self.asked
                if one.row["priority"] > row["priority"]
                and one.document["due_at_ms"] > self.now
                and self.now - one.at <= row.get("outranks_for_ms", 0)
            ]
            found += [document, *self._cancel(less, message["version"], "outranked")]
            self.asked.append(Asked(row, document, self.now))
        return found

    def _due(self, message: Document, row: Document) -> tuple[int, str | None]:
        due_at, quiet = message["occurred_at_ms"] + row.get("delay_ms", 0), self.table.get("quiet_hours")
        if quiet and is_quiet(quiet, due_at):
            if quiet["policy"] == "drop":
                return due_at, "quiet_hours"
            due_at = quiet_end(quiet, due_at)
        return due_at, "expired" if due_at >= message["expires_at_ms"] else None

    def _reason(self, message: Document, row: Document) -> str | None:
        suppress = self.table["suppress"]
        if message["context"].get("consent") in suppress["consent"]:
            return "no_consent"
        newest = [versions[-1] for versions in self.versions.values()]
        pauses = (one for one in newest if one["kind"] in suppress["paused_by"] and one["status"] == "active")
        if any(one["expires_at_ms"] > self.now for one in pauses):
            return "paused"
        if any(self.now - bought <= suppress["after_purchase_ms"] for bought in self.purchases):
            return "just_purchased"
        living = [one for one in self.asked if one.cancelled_at is None]
        above = [one for one in living if one.row["priority"] < row["priority"]]
        if any(self.now - one.at <= one.row.get("outranks_for_ms", 0) for one in above):
            return "outranked"
        return "capped" if self._is_capped(message, row) else None

    def _is_capped(self, message: Document, row: Document) -> bool:
        done = [one for one in self.asked if one.may_be_done()]
        same = [one for one in done if all(one.row[name] == row[name] for name in ("kind", "action"))]
        if (
            len([one for one in same if self.now - one.at < row["cap"]["within_ms"]])
            >= row["cap"]["triggers"]
        ):
            return True
        cap = self.table.get("rule_caps", {}).get(message["kind"])
        if cap is None:
            return False
        kind = [
            one for one in done if one.row["kind"] == message["kind"] and self.now - one.at < cap["within_ms"]
        ]
        others = {
            one.document["signal_id"] for one in kind if one.document["signal_id"] != message["signal_id"]
        }
        return len(others) >= cap["triggers"]

    def _suppressed(self, message: Document, row: Document, reason: str) -> Document:
        due_at, _ = self._due(message, row)
        return self._document(message, row, due_at) | {"status": "suppressed", "reason": reason}

    def _document(self, message: Document, row: Document, due_at: int) -> Document:
        return {
            "trigger_id": trigger_key(message["signal_id"], row["action"], row["step"]),
            "signal_id": message["signal_id"],
            "visitor_id": message["visitor_id"],
            "action": row["action"],
            "decided_at_ms": message["version"],
            "due_at_ms": due_at,
            "expires_at_ms": message["expires_at_ms"],
            "payload": {**row.get("payload", {}), "kind": message["kind"], "evidence": message["evidence"]},
        }

    def _cancel(self, meant: list[Asked], at_ms: int, reason: str) -> list[Document]:
        found = []
        for one in meant:
            if one.cancelled_at is None:
                one.cancelled_at = self.now
                payload = {
                    name: value for name, value in one.document["payload"].items() if name != "evidence"
                }
                changed = {
                    "status": "cancelled",
                    "reason": reason,
                    "decided_at_ms": at_ms,
                    "payload": payload,
                }
                found.append(one.document | changed)
        return found

    def _erase(self, order: Document) -> list[Document]:
        until = order["quiet_until_ms"]
        if until <= self.quiet_until:
            return []
        self.quiet_until, self.now = until, max(self.now, order["erased_at_ms"])
        old = [one for one in self.asked if one.at <= until and one.document["expires_at_ms"] > self.now]
        found = self._cancel(old, order["erased_at_ms"], "erased")
        self.asked = [one for one in self.asked if one.at > until]
        self.versions = {
            key: rows for key, rows in self.versions.items() if max(row["version"] for row in rows) > until
        }
        self.purchases = [at for at in self.purchases if at > until]
        self.ended = {key: at for key, at in self.ended.items() if at > until}
        return found
