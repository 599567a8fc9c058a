"""Triggers over a file of signals: every change finds its visitor's history, and is decided by it."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from typing import Any

import pytest
from pyflink.table import DataTypes, Schema

from cli import local_flink
from connectors import actions
from connectors.decisions import Change, decide
from connectors.signals import Trigger, signal_id
from jobs import triggers, wiring
from jobs.settings import Settings
from state.sql import statement
from tests.sql.tables import Flink
from tests.sql.vocabulary import HOUR, t

HISTORY = 64
KINDS = (
    "cart_abandoned",
    "checkout_hesitation",
    "category_interest",
    "suggestions_paused",
    "first_purchase",
    "bounce",
)
TABLE = actions.load()
Signal = dict[str, Any]


def signal(
    visitor: str, kind: str, anchor: int, at_ms: int, status: str, version: int, consent: str
) -> Signal:
    return {
        "signal_id": signal_id(kind, kind, visitor, str(anchor)),
        "kind": kind,
        "visitor_id": visitor,
        "occurred_at_ms": at_ms,
        "detected_at_ms": at_ms,
        "expires_at_ms": at_ms + 12 * HOUR,
        "status": status,
        "version": version,
        "rule": {"name": kind, "version": 1},
        "evidence": {"note": f"{visitor} \u001e '\"{anchor}", "count": anchor},
        "context": {"consent": consent},
    }


def history(chance: random.Random, visitor: str, changes: int) -> list[Signal]:
    """Signals, corrections of some, copies of some, in the order of their topic."""
    found: list[Signal] = []
    at_ms = t(0)
    for anchor in range(changes):
        at_ms += chance.choice((0, 1, HOUR // 60, HOUR // 2, HOUR, 9 * HOUR))
        if found and chance.random() < 0.25:
            old = chance.choice(found)
            status = chance.choice(("recovered", "retracted", "expired", "active", old["status"]))
            found.append(old | {"status": status, "version": chance.choice((old["version"], at_ms))})
        else:
            consent = chance.choice(("granted", "granted", "granted", "denied"))
            found.append(signal(visitor, chance.choice(KINDS), anchor, at_ms, "active", at_ms, consent))
    return found


def naive(signals: list[Signal]) -> list[Trigger]:
    """What each change leads to, with the visitor's changes before it."""
    seen: dict[str, list[Change]] = defaultdict(list)
    found = []
    for row in signals:
        names = ("signal_id", "visitor_id", "kind", "status", "version", "occurred_at_ms", "expires_at_ms")
        seen[row["visitor_id"]].append(
            Change(**{name: row[name] for name in names}, consent=row["context"]["consent"])
        )
        found += decide(seen[row["visitor_id"]][-HISTORY:], TABLE, row["evidence"])
    return found


@pytest.fixture(scope="module")
def signals() -> list[Signal]:
    chance = random.Random(5)
    histories = [history(chance, f"visitor {number} ü", 90 if number < 3 else 12) for number in range(60)]
    return [row for rows in histories for row in rows]


def run(flink: Flink, signals: list[Signal]) -> list[Trigger]:
    settings = Settings({"parallelism": 1})
    env, folder = flink.environment(settings), flink.new_folder()
    lines = [
        json.dumps({"record_key": row["visitor_id"], "record_value": json.dumps(row)}) for row in signals
    ]
    source = folder / "signals.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    text = DataTypes.STRING()
    schema = Schema.new_builder().column("record_key", text).column("record_value", text).build()
    env.create_temporary_table("signals_read", local_flink.files(source, schema, {"format": "json"}))
    wiring.add_view(env, "signal_documents", statement("index/signals_read_back"))
    triggers.build(env, TABLE, settings)
    rows = local_flink.collect(env, {"triggers": folder / "triggers"})["triggers"]
    found = [Trigger.model_validate_json(row["document"]) for row in rows]
    assert [(trigger.visitor_id, trigger.status) for trigger in found] == [
        (row["visitor_id"], row["status"]) for row in rows
    ]
    return found


def test_every_change_is_decided_by_its_history(flink: Flink, signals: list[Signal]) -> None:
    found, expected = run(flink, signals), naive(signals)
    assert sorted(map(str, found)) == sorted(map(str, expected))
    reasons = {trigger.reason for trigger in found}
    assert reasons >= {"no_consent", "paused", "just_purchased", "outranked", "capped", "no_longer_active"}
    assert {trigger.status for trigger in found} == {"due", "cancelled", "suppressed"}


def test_copies_of_changes_lead_to_nothing(flink: Flink, signals: list[Signal]) -> None:
    """A suite that restarts writes its last signals again; a visitor's copies come behind what was there."""
    again = [
        row for row in signals if not row["visitor_id"].startswith(("visitor 0", "visitor 1 ", "visitor 2 "))
    ]
    once = naive(again)
    twice = run(flink, [row for row in again for _ in range(2)])
    assert sorted(map(str, twice)) == sorted(map(str, once))
