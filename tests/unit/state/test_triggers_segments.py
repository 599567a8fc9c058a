"""Actions about one segment, and stays that end before what their beginning set off was due."""

from __future__ import annotations

from itertools import permutations

import pytest

from state.logic import NEVER
from state.triggers import memory
from state.triggers.actions import ActionTable, load
from state.triggers.visitor import CODEC, Known
from tests.trigger_host import DAY, HOUR, NOON, Document, Host, change, decided

ROW = {
    "kind": "segment_entered", "where": {"segment": "at_risk"}, "action": "win_back", "step": "first",
    "priority": 5, "delay_ms": HOUR, "cap": {"triggers": 1, "within_ms": DAY},
}  # fmt: skip
TABLE = ActionTable.model_validate({"version": 1, "actions": [ROW]})
DUE, CANCELLED = ("due", None), ("cancelled", "no_longer_active")


def entered(number: int, at_ms: int, segment: str = "at_risk", **more: object) -> Document:
    return change(number, at_ms, "segment_entered", evidence={"segment": segment}, **more)


def left(number: int, at_ms: int, of: int = 1, segment: str = "at_risk", **more: object) -> Document:
    evidence = {"segment": segment, "entered_signal_id": f"{of:032}"}
    return change(number, at_ms, "segment_left", evidence=evidence, **more)


def said(*history: Document) -> list[tuple[str, str | None]]:
    return decided(*history, table=TABLE)


def test_an_action_is_about_its_segment_alone() -> None:
    assert said(entered(1, NOON)) == [DUE]
    for segment in ("lapsed", "engaged", "at_risk_too"):
        host = Host(TABLE)
        assert host.take(entered(1, NOON, segment)) == [] and host.store.rows == {}


def test_an_action_without_where_is_about_all_segments() -> None:
    row = {name: value for name, value in ROW.items() if name != "where"}
    table = ActionTable.model_validate({"version": 1, "actions": [row]})
    assert decided(entered(1, NOON, "new"), table=table) == [DUE]
    assert decided(entered(1, NOON, "new"), left(2, NOON + 1, segment="new"), table=table) == [CANCELLED]


def test_an_action_may_be_about_leaving() -> None:
    table = ActionTable.model_validate({"version": 1, "actions": [{**ROW, "kind": "segment_left"}]})
    assert decided(left(2, NOON), table=table) == [DUE]
    assert decided(left(2, NOON, segment="new"), table=table) == []
    assert decided(entered(1, NOON), table=table) == []


@pytest.mark.parametrize("later", [0, 1, HOUR - 1, HOUR, 6 * DAY])
def test_a_return_cancels_what_the_stay_set_off(later: int) -> None:
    host = Host(TABLE)
    (due,) = host.take(entered(1, NOON))
    (gone,) = host.take(left(2, NOON + later))
    words = {"status": "cancelled", "reason": "no_longer_active", "decided_at_ms": NOON + later}
    assert gone == due | words | {"payload": {"kind": "segment_entered"}}
    assert host.take(left(2, NOON + later)) == []


@pytest.mark.parametrize("later", [0, 1, HOUR])
def test_a_return_that_comes_before_its_stay_lets_nothing_be_done(later: int) -> None:
    assert said(left(2, NOON + later), entered(1, NOON)) == []
    assert said(left(2, NOON + later), entered(1, NOON), entered(1, NOON, version=NOON + DAY)) == []


def test_a_return_from_another_stay_cancels_nothing() -> None:
    assert said(entered(1, NOON), left(2, NOON + 1, of=9)) == []
    assert said(entered(1, NOON), left(2, NOON + 1, segment="new")) == []


def test_the_next_stay_is_not_that_of_before() -> None:
    back = [entered(1, NOON), left(2, NOON + 1)]
    assert said(*back, entered(3, NOON + 2)) == [DUE]
    assert said(*back, entered(3, NOON + 2), left(4, NOON + 3, of=3)) == [CANCELLED]


def test_a_return_that_is_taken_back_first_ends_nothing() -> None:
    back = left(2, NOON + 1, status="retracted", version=NOON + 2)
    assert said(entered(1, NOON), back) == []
    assert said(entered(1, NOON), back, left(2, NOON + 1)) == []
    assert said(back, left(2, NOON + 1), entered(1, NOON)) == [DUE]


def test_in_any_order_no_mail_outlives_a_return() -> None:
    for order in permutations([entered(1, NOON), left(2, NOON + 5), entered(3, NOON + 5, "casual")]):
        host, last = Host(TABLE), {}
        for message in order:
            last |= {one["trigger_id"]: one["status"] for one in host.take(message)}
        assert set(last.values()) <= {"cancelled"}


def test_a_return_without_its_stay_ends_nothing() -> None:
    for evidence in ({}, {"segment": "at_risk"}, {"segment": 1, "entered_signal_id": []}):
        assert said(entered(1, NOON), left(2, NOON + 1) | {"evidence": evidence}) == []


def test_what_is_remembered_of_returns_is_bounded_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_KNOWN", 20)
    host = Host(TABLE)
    for number in range(0, 200, 2):
        host.take(left(number, NOON + number, of=number + 1))
    assert len(CODEC.decode(host.store.rows["anna"][8:]).known) == 20
    host.settle(NEVER)
    assert host.store.rows == {}


def test_a_stay_in_bytes_of_before_is_ended() -> None:
    host = Host(TABLE)
    host.store.rows["anna"] = bytes.fromhex(BEFORE)
    assert [one["reason"] for one in host.take(left(2, NOON + 1))] == ["no_longer_active"]
    assert CODEC.decode(host.store.rows["anna"][8:]).known[f"{1:032}"] == Known(
        NOON + 1, NOON + 7 * DAY, True
    )


def test_the_shipped_win_back_mail_is_cancelled_by_a_return() -> None:
    host = Host(load())
    (due,) = host.take(entered(1, NOON))
    assert (due["action"], due["due_at_ms"]) == ("send_win_back", NOON + HOUR)
    assert [one["status"] for one in host.take(left(2, NOON + HOUR - 1))] == ["cancelled"]


BEFORE = (
    "0000018bfc0d1e000195cf0000018bd2da3e0081d9203030303030303030303030303030303030303030303030"
    "30303030303030303194cf0000018bd2da3e00cf0000018bf6e6c200c3c2919cd9203030303030303030303030"
    "303030303030303030303030303030303030303031af7365676d656e745f656e7465726564a877696e5f626163"
    "6ba566697273740500cf0000018bd2da3e00cf0000018bd3112c80cf0000018bf6e6c20081a46b696e64af7365"
    "676d656e745f656e7465726564c2c0ffff"
)
