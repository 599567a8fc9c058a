"""Random histories of signals: the engine, read back from bytes at every step, decides what the naive oracle does."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from state.bucket import Bucket, Counts, DictStore, taken
from state.logic import NEVER, Out
from state.triggers.actions import ActionTable
from state.triggers.logic import TriggersLogic
from tests.trigger_oracle import Oracle

Document = dict[str, Any]
HOUR, MINUTE = 3_600_000, 60_000
DAY = 24 * HOUR
START = 1_699_999_200_000
KINDS = (
    *("cart", "help", "price", "category", "score") * 3, "paused", "bought", "bounce",
)  # fmt: skip


def row(kind: str, priority: int, triggers: int, within_ms: int, **more: Any) -> Document:
    cap = {"triggers": triggers, "within_ms": within_ms}
    return {"kind": kind, "action": f"do_{kind}", "step": "first", "priority": priority, "cap": cap, **more}


TABLE: Document = {
    "version": 1,
    "suppress": {
        "consent": ["denied"],
        "paused_by": ["paused"],
        "purchases": ["bought"],
        "after_purchase_ms": 2 * HOUR,
    },
    "actions": [
        row("cart", 1, 1, DAY, outranks_for_ms=HOUR, payload={"template": "x"}),
        row("cart", 4, 2, 2 * HOUR, action="remind", delay_ms=2 * HOUR),
        row("cart", 5, 3, 2 * HOUR, action="remind", step="second", delay_ms=5 * HOUR),
        row("help", 2, 2, 3 * HOUR, outranks_for_ms=30 * MINUTE),
        row("price", 3, 1, 7 * DAY, delay_ms=HOUR),
        row("category", 4, 2, HOUR, delay_ms=MINUTE, outranks_for_ms=5 * HOUR),
        row("score", 6, 5, 10 * HOUR),
        row("segment_entered", 7, 2, HOUR, where={"segment": ["at_risk"]}, delay_ms=9 * HOUR),
        row("segment_entered", 8, 3, HOUR, action="remind", where={"segment": ["new", "at_risk"]}),
        row("segment_left", 8, 3, HOUR, where={"segment": ["at_risk"]}),
    ],
    "rule_caps": {
        "help": {"triggers": 1, "within_ms": 12 * HOUR},
        "score": {"triggers": 6, "within_ms": 2 * DAY},
    },
}
NIGHT = {"zone": "Europe/Berlin", "start": "21:00", "end": "08:00"}
TABLES = {
    "plain": TABLE,
    "deferring": {**TABLE, "quiet_hours": {**NIGHT, "policy": "defer"}},
    "dropping": {**TABLE, "quiet_hours": {**NIGHT, "policy": "drop", "start": "12:15", "end": "13:00"}},
}


def signal(chance: random.Random, number: int, visitor: str, at_ms: int) -> Document:
    kind = chance.choice(KINDS)
    lasts = chance.choice(
        (5 * MINUTE, HOUR) if kind == "paused" else (5 * MINUTE, HOUR, 12 * HOUR, 2 * DAY, 7 * DAY)
    )
    return {
        "signal_id": f"{number:032x}",
        "kind": kind,
        "visitor_id": visitor,
        "occurred_at_ms": at_ms - chance.choice((0, 0, 0, MINUTE)),
        "expires_at_ms": at_ms + lasts,
        "status": "active",
        "version": at_ms,
        "evidence": {"text": f"\u2028{number}", "none": None},
        "context": {"consent": chance.choice(("granted", "granted", "granted", "denied"))},
    }


def move(chance: random.Random, number: int, visitor: str, at_ms: int, past: list[Document]) -> Document:
    """A visitor comes into a segment, or leaves the one into which it came last."""
    found = signal(chance, number, visitor, at_ms)
    found["expires_at_ms"] = at_ms + 2 * DAY
    stay = next((one for one in reversed(past) if one["kind"] == "segment_entered"), None)
    if stay is None or chance.random() < 0.5:
        segment = chance.choice(("at_risk", "new", "lapsed"))
        return found | {"kind": "segment_entered", "evidence": {"segment": segment}}
    evidence = {"segment": stay["evidence"]["segment"], "entered_signal_id": stay["signal_id"]}
    return found | {"kind": "segment_left", "evidence": evidence}


def order(at_ms: int, visitor: str) -> Document:
    return {"visitor_id": visitor, "erased_at_ms": at_ms, "quiet_until_ms": at_ms + 2 * HOUR}


def history(chance: random.Random, visitor: str, length: int) -> list[Document]:
    """Signals, corrections and copies, orders to erase; what is told twice or too late comes near its time."""
    found: list[Document] = []
    at_ms = START
    for number in range(length):
        at_ms += chance.choice((0, 1, MINUTE, 20 * MINUTE, HOUR, 9 * HOUR))
        past = [one for one in found if "signal_id" in one]
        dice = chance.random()
        if past and dice < 0.30:
            old = chance.choice(past[-12:])
            status = chance.choice(
                ("recovered", "retracted", "retracted", "expired", "active", old["status"])
            )
            found.append(old | {"status": status, "version": chance.choice((old["version"], at_ms))})
        elif dice > 0.985:
            found.append(order(at_ms, visitor))
        elif chance.random() < 0.25:
            found.append(move(chance, number, visitor, at_ms, past))
        else:
            found.append(signal(chance, number, visitor, at_ms))
    return found


def out_of_order(chance: random.Random, messages: list[Document]) -> list[Document]:
    """Each message up to half a day late, some twice; what lies that near comes in both orders."""

    def comes_at(message: Document) -> int:
        return int(message.get("version", message.get("erased_at_ms", 0))) + chance.choice(
            (0, 0, HOUR, 12 * HOUR)
        )

    twice = messages + chance.sample(messages, len(messages) // 5)
    return sorted(twice, key=comes_at)


def time_of(message: Document) -> int:
    return int(message["version"] if "signal_id" in message else message["erased_at_ms"])


class Engine:
    """A bucket that is read back from its store for every slice."""

    def __init__(self, table: Document) -> None:
        self.logic, self.store = TriggersLogic(ActionTable.model_validate(table)), DictStore()
        self.most = 0

    def bucket(self) -> Bucket[Any, Any]:
        return Bucket(0, self.logic, self.store, {}, Counts())

    def take(self, messages: list[Document], late: bool = False) -> list[Document]:
        values = [json.dumps(one).encode() for one in messages]
        out = taken(self.bucket(), values, None, 0, late)
        self.most = max(self.most, *(len(data) for data in self.store.rows.values()), 0)
        return [json.loads(document.body) for document in out.documents]

    def settle(self, now: int) -> None:
        self.bucket().settle(now, Out())


def expected(table: Document, messages: list[Document]) -> list[Document]:
    oracles: dict[str, Oracle] = {}
    return [
        document
        for message in messages
        for document in oracles.setdefault(message["visitor_id"], Oracle(table)).take(message)
    ]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("seed", range(12))
def test_every_message_agrees_with_the_oracle(seed: int, table: str) -> None:
    chance = random.Random(seed)
    messages = history(chance, "anna", 220)
    if seed % 3:
        messages = out_of_order(chance, messages)
    engine, oracle, newest = Engine(TABLES[table]), Oracle(TABLES[table]), 0
    for index, message in enumerate(messages):
        assert engine.take([message], late=bool(index % 2)) == oracle.take(message), index
        newest = max(newest, time_of(message))
        engine.settle(newest - 12 * HOUR)  # event time is behind whatever may still come
    assert engine.most < 10_000
    engine.settle(NEVER)
    assert engine.store.rows == {}


@pytest.mark.parametrize("seed", range(4))
def test_slices_of_any_length_lead_to_the_same(seed: int) -> None:
    chance = random.Random(seed)
    mine = [out_of_order(chance, history(chance, name, 60)) for name in ("anna", "bert", "céline")]
    messages = sorted((one for part in mine for one in part), key=lambda one: chance.random() + time_of(one))
    engine, found = Engine(TABLE), []
    rest = list(messages)
    while rest:
        length = chance.choice((1, 2, 17, 80))
        found += engine.take(rest[:length])
        rest = rest[length:]
    assert found == expected(TABLE, messages)


def test_the_histories_bring_every_reason_about() -> None:
    found: set[tuple[str, str | None]] = set()
    for seed in range(12):
        chance = random.Random(seed)
        messages = history(chance, "anna", 220)
        for table in TABLES.values():
            found |= {(one["status"], one.get("reason")) for one in expected(table, messages)}
    suppressed = (
        "no_consent", "paused", "just_purchased", "outranked", "capped", "quiet_hours", "expired",
    )  # fmt: skip
    cancelled = ("no_longer_active", "outranked", "erased")
    assert found == {
        ("due", None),
        *(("suppressed", reason) for reason in suppressed),
        *(("cancelled", reason) for reason in cancelled),
    }


def test_copies_lead_to_nothing_new() -> None:
    """A suite that restarts writes its last signals again; they come behind what was there."""
    chance = random.Random(3)
    messages = history(chance, "anna", 200)
    engine, found, again = Engine(TABLE), [], []
    for index, message in enumerate(messages):
        found += engine.take([message])
        again += engine.take(messages[max(0, index - 3) : index + 1])
    known = {json.dumps(one) for one in found}
    assert [one for one in again if one.get("reason") != "expired" and json.dumps(one) not in known] == []
    assert found == expected(TABLE, messages)
