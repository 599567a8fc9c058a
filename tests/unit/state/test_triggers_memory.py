"""What is remembered of what was done about signals: for how long, how much, and what an erasure leaves."""

from __future__ import annotations

import json

import pytest

from connectors.errors import StateTooNew
from state.logic import NEVER, Out
from state.triggers import memory
from state.triggers.actions import ActionTable
from state.triggers.logic import KEEP_MS, TriggersLogic
from state.triggers.signals import Change, Erased, read
from state.triggers.visitor import CODEC, Visitor
from tests.trigger_host import DAY, HOUR, NOON, TABLE, Document, Host, change, decided, erased


def test_an_erased_visitor_gets_no_triggers() -> None:
    due, order = change(1, NOON), erased(NOON + 10, NOON + HOUR)
    assert decided(due, order) == [("cancelled", "erased")]
    assert decided(due, order, order) == []
    assert decided(due, order, change(1, NOON, status="retracted", version=NOON + 20)) == []
    assert decided(due, order, change(2, NOON + HOUR)) == []
    assert decided(due, order, change(2, NOON + HOUR + 1)) == [("due", None)]


def test_an_erasure_leaves_nothing_but_its_own_end() -> None:
    host = Host()
    host.take(change(7, NOON, "suggestions_paused"), change(1, NOON), change(2, NOON, "first_purchase"))
    host.take(erased(NOON + 10, NOON + HOUR))
    assert CODEC.decode(host.store.rows["anna"][8:]) == Visitor(clock=NOON + 10, erased_until=NOON + HOUR)


def test_an_order_that_comes_again_spares_what_came_after_it() -> None:
    order = erased(NOON, NOON + HOUR)
    back = [change(1, NOON + HOUR + 1), change(2, NOON + HOUR + 2)]
    assert decided(order, *back, order, change(3, NOON + HOUR + 3)) == [("suppressed", "capped")]
    assert decided(*back, order, change(3, NOON + HOUR + 3)) == [("suppressed", "capped")]


def test_an_older_order_takes_nothing_back_of_a_newer_one() -> None:
    newer, older = erased(NOON + 10, NOON + HOUR), erased(NOON, NOON + HOUR // 2)
    assert decided(newer, older, change(1, NOON + HOUR)) == []
    assert decided(older, newer, change(1, NOON + HOUR)) == []


def test_an_idle_visitor_is_kept_until_the_quiet_time_is_over() -> None:
    host = Host()
    assert host.take(erased(NOON, NOON + HOUR)) == []
    assert host.take(change(1, NOON + HOUR)) == []


def test_visitors_without_pending_triggers_are_forgotten() -> None:
    host = Host()
    host.take(change(1, NOON))
    host.settle(NOON + 7 * DAY + KEEP_MS)
    assert list(host.store.rows) == ["anna"]
    host.settle(NOON + 7 * DAY + KEEP_MS + 1)
    assert host.store.rows == {}


@pytest.mark.parametrize(
    ("message", "ends_at"),
    [
        (change(1, NOON, "first_purchase", expires_at_ms=NOON + 1), NOON + DAY + 1),
        (change(1, NOON, "suggestions_paused"), NOON + 7 * DAY),
        (change(1, NOON, expires_at_ms=NOON + 1), NOON + DAY),
        (change(1, NOON, status="retracted", expires_at_ms=NOON), NOON),
        (erased(NOON, NOON + HOUR), NOON + HOUR + 1),
    ],
    ids=["purchase", "pause", "cap", "nothing", "erasure"],
)
def test_a_visitor_is_remembered_as_long_as_anything_needs_it(message: Document, ends_at: int) -> None:
    logic, entity = TriggersLogic(TABLE), Visitor()
    item = read(json.dumps(message).encode())
    assert item is not None
    logic.take(entity, item, Out())
    assert logic.next_due(entity) == ends_at + KEEP_MS
    assert not logic.is_over(entity, ends_at + KEEP_MS) and logic.is_over(entity, ends_at + KEEP_MS + 1)


def test_the_last_watermark_leaves_nothing() -> None:
    host = Host()
    host.take(*(change(n, NOON + n) | {"visitor_id": str(n)} for n in range(5)), erased(NOON, NOON + DAY))
    host.settle(NEVER)
    assert host.store.rows == {}


def test_what_is_remembered_is_bounded_and_the_caps_still_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_KNOWN", 20)
    monkeypatch.setattr("state.triggers.decisions.MOST_SENT", 10)
    row = {"kind": "k", "action": "a", "step": "s", "priority": 1, "cap": {"triggers": 50, "within_ms": DAY}}
    table = ActionTable.model_validate({"version": 1, "actions": [row]})
    host = Host(table)
    found = [host.take(change(n, NOON + n, "k"))[0] for n in range(100)]
    assert [one.get("reason") for one in found] == [None] * 10 + ["capped"] * 90
    visitor = CODEC.decode(host.store.rows["anna"][8:])
    assert (len(visitor.known), len(visitor.sent)) == (20, 10)
    assert min(visitor.known) == f"{80:032}"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"visitor_id":"a"}',
        json.dumps(change(1, NOON) | {"status": "new"}).encode(),
        json.dumps(change(1, NOON) | {"evidence": 1}).encode(),
        json.dumps(change(1, NOON) | {"visitor_id": ""}).encode(),
        json.dumps(change(1, NOON) | {"version": -1}).encode(),
        json.dumps(change(1, NOON) | {"signal_id": "x"}).encode(),
    ],
)
def test_messages_that_are_no_signals_are_counted(value: bytes) -> None:
    logic, good = TriggersLogic(TABLE), json.dumps(change(1, NOON)).encode()
    assert len(logic.items([value, good], None, False, Out())) == 1
    assert logic.refused == 1


def test_a_signal_is_read_as_its_contract_has_it() -> None:
    found = read(json.dumps(change(1, NOON) | {"context": {"consent": {"a": 1}}, "unheard_of": []}).encode())
    assert isinstance(found, Change) and found.consent == {"a": 1} and found.at == NOON
    assert isinstance(read(json.dumps(erased(1, 2)).encode()), Erased)


def test_state_of_a_newer_version_is_refused() -> None:
    data = CODEC.encode(Visitor(clock=5))
    assert CODEC.decode(data) == Visitor(clock=5)
    with pytest.raises(StateTooNew, match="version 255"):
        CODEC.decode(b"\xff" + data[1:])


def test_bytes_of_version_one_are_still_read() -> None:
    visitor = CODEC.decode(bytes.fromhex(VERSION_1))
    assert visitor.clock == NOON and visitor.erased_until == 5
    assert visitor.known["1" * 32].pauses and visitor.sent[0].cancelled


VERSION_1 = (
    "0195cf0000018bd2da3e0081d92031313131313131313131313131313131313131313131313131313131313131"
    "31940509c3c3919bd9203131313131313131313131313131313131313131313131313131313131313131a16ba1"
    "61a173010203040581a17801c30705"
)
