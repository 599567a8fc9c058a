"""What is done about signals: caps, ranks, pauses, purchases, quiet hours, corrections; what is remembered of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.actions import ActionTable, QuietHours
from connectors.errors import StateTooNew
from connectors.signals import Trigger, trigger_id
from state.bucket import Bucket, Counts, DictStore, taken
from state.logic import NEVER, Out
from state.triggers import memory
from state.triggers.logic import KEEP_MS, TriggersLogic
from state.triggers.signals import Change, Erased, read
from state.triggers.visitor import CODEC, Visitor

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


def told(*history: Document, table: ActionTable = TABLE) -> list[tuple[str, str | None]]:
    """(status, reason) of what the last message led to."""
    host = Host(table)
    found: list[Document] = []
    for message in history:
        found = host.take(message)
    return [(one["status"], one.get("reason")) for one in found]


def test_a_signal_leads_to_its_action() -> None:
    (found,) = Host().take(change(1, NOON, evidence={"cart_events": 2, "ä": None}))
    assert Trigger.model_validate(found) == Trigger(
        trigger_id=trigger_id(f"{1:032}", "send_cart_offer", "first"),
        signal_id=f"{1:032}",
        visitor_id="anna",
        action="send_cart_offer",
        status="due",
        decided_at_ms=NOON,
        due_at_ms=NOON,
        expires_at_ms=NOON + 7 * DAY,
        payload={"x": 1, "kind": "cart_abandoned", "evidence": {"cart_events": 2, "ä": None}},
    )


def test_a_decision_is_a_document_of_its_visitor() -> None:
    bucket = Bucket(0, TriggersLogic(TABLE), DictStore(), {}, Counts())
    both = [json.dumps(one).encode() for one in (change(1, NOON), denied(2, NOON + 5))]
    first, second = taken(bucket, both, None, NOON, late=False).documents
    assert (first.kind, first.key, first.version) == ("trigger", "anna", NOON)
    assert (second.kind, second.key, second.version) == ("suppressed", "anna", NOON + 5)
    assert first.id == trigger_id(f"{1:032}", "send_cart_offer", "first")


def test_a_kind_without_an_action_leads_to_nothing_and_is_not_remembered() -> None:
    host = Host()
    assert host.take(change(1, NOON, "bounce")) == [] and host.store.rows == {}


def test_a_copy_and_an_older_version_lead_to_nothing() -> None:
    first = change(1, NOON)
    assert told(first, first) == []
    assert told(change(1, NOON, version=NOON + 1), first) == []


def test_a_newer_version_that_is_still_active_is_not_done_again() -> None:
    assert told(change(1, NOON), change(1, NOON, version=NOON + 5)) == []


@pytest.mark.parametrize("status", ["retracted", "recovered", "expired"])
def test_a_signal_that_is_no_longer_so_cancels_its_trigger_once(status: str) -> None:
    due, gone = change(1, NOON), change(1, NOON, status=status, version=NOON + 10)
    assert told(due, gone) == [("cancelled", "no_longer_active")]
    assert told(due, gone, gone | {"version": NOON + 20}) == []
    assert told(gone) == []


def test_a_cancellation_is_its_trigger_with_another_word() -> None:
    host = Host()
    (due,) = host.take(change(1, NOON, evidence={"a": 1}))
    (gone,) = host.take(change(1, NOON, status="retracted", version=NOON + 10))
    payload = {"x": 1, "kind": "cart_abandoned"}
    words = {
        "status": "cancelled",
        "reason": "no_longer_active",
        "decided_at_ms": NOON + 10,
        "payload": payload,
    }
    assert gone == due | words


def test_nothing_is_cancelled_that_was_not_due() -> None:
    assert told(denied(1, NOON)) == [("suppressed", "no_consent")]
    assert told(denied(1, NOON), change(1, NOON, status="retracted", version=NOON + 1)) == []


def test_the_cap_counts_what_was_due_in_any_stretch() -> None:
    first, second = change(1, NOON), change(2, NOON + HOUR)
    assert told(first, second) == [("due", None)]
    assert told(first, second, change(3, NOON + 2 * HOUR)) == [("suppressed", "capped")]
    assert told(first, second, change(3, NOON + DAY - 1)) == [("suppressed", "capped")]
    assert told(first, second, change(3, NOON + DAY)) == [("due", None)]


def test_a_rules_own_cap_counts_signals_whatever_their_actions() -> None:
    second = {**TABLE.actions[0].model_dump(), "step": "second"}
    cap = {"cart_abandoned": {"triggers": 1, "within_ms": 2 * DAY}}
    rows = [*(row.model_dump() for row in TABLE.actions), second]
    table = ActionTable.model_validate({**TABLE.model_dump(), "actions": rows, "rule_caps": cap})
    first = change(1, NOON)
    assert told(first, table=table) == [("due", None)] * 2
    assert told(first, change(2, NOON + 2 * DAY - 1), table=table) == [("suppressed", "capped")] * 2
    assert told(first, change(2, NOON + 2 * DAY), table=table) == [("due", None)] * 2
    other = change(2, NOON + 2 * HOUR, "category_interest")
    assert told(first, other, table=table) == [("due", None)]


@pytest.mark.parametrize("by_rule", [False, True], ids=["of the action", "of the rule"])
def test_a_cap_of_a_week_holds_whatever_else_the_visitor_does(by_rule: bool) -> None:
    week, loose, tight = 7 * DAY, {"triggers": 50, "within_ms": 1}, {"triggers": 1, "within_ms": 7 * DAY}
    name = {"action": "a", "step": "s", "priority": 5}
    rows = [
        {**name, "kind": "price_hesitation", "cap": loose if by_rule else tight},
        {**name, "kind": "purchase_intent", "cap": loose},
    ]
    caps = {"price_hesitation": tight} if by_rule else {}
    table = ActionTable.model_validate({"version": 1, "actions": rows, "rule_caps": caps})
    host, soon = Host(table), {"expires_at_ms": NOON + 30 * DAY}
    assert host.take(change(1, NOON, "price_hesitation", **soon))[0]["status"] == "due"
    for number in range(1_000):  # scores go up and down, of as many signals and of one
        at_ms = NOON + 1 + number * (week - 2) // 1_000
        host.take(change(100 + number, at_ms, "purchase_intent", expires_at_ms=at_ms + HOUR))
        host.take(change(99, at_ms, "purchase_intent", ("active", "retracted")[number % 2], **soon))
    capped = host.take(change(2, NOON + week - 1, "price_hesitation", **soon))
    assert [(one["status"], one["reason"]) for one in capped] == [("suppressed", "capped")]
    assert host.take(change(3, NOON + week, "price_hesitation", **soon))[0]["status"] == "due"
    assert len(host.store.rows["anna"]) < 2_500


def test_what_was_suppressed_does_not_count() -> None:
    assert told(change(1, NOON), *(denied(n, NOON + n) for n in range(2, 9)), change(9, NOON + 9)) == [
        ("due", None)
    ]


def test_a_more_important_action_suppresses_what_comes_after_it() -> None:
    cart = change(1, NOON)
    assert told(cart, change(2, NOON + HOUR, "category_interest")) == [("suppressed", "outranked")]
    assert told(cart, change(2, NOON + HOUR + 1, "category_interest")) == [("due", None)]


def test_a_more_important_action_cancels_what_is_not_due_yet() -> None:
    category = change(2, NOON, "category_interest")
    assert told(category, change(1, NOON + 59_999)) == [("due", None), ("cancelled", "outranked")]
    assert told(category, change(1, NOON + 60_000)) == [("due", None)]


def test_a_pause_holds_as_long_as_its_signal() -> None:
    pause = change(7, NOON - HOUR, "suggestions_paused")
    assert told(pause, change(1, NOON)) == [("suppressed", "paused")]
    over = pause | {"status": "retracted", "version": NOON - 1}
    assert told(pause, over, change(1, NOON)) == [("due", None)]
    assert told(pause | {"expires_at_ms": NOON}, change(1, NOON)) == [("due", None)]


@pytest.mark.parametrize(
    "bought",
    [
        change(8, NOON - HOUR, "first_purchase"),
        change(9, NOON - 2 * HOUR, status="recovered", version=NOON - HOUR),
        change(9, NOON - 2 * HOUR, "of_no_action", status="recovered", version=NOON - HOUR),
    ],
    ids=["purchase", "recovered", "recovered without an action"],
)
def test_who_has_just_bought_is_left_alone(bought: Document) -> None:
    assert told(bought, change(1, NOON)) == [("suppressed", "just_purchased")]
    assert told(bought, change(1, NOON + 23 * HOUR)) == [("suppressed", "just_purchased")]
    assert told(bought, change(1, NOON + 23 * HOUR + 1)) == [("due", None)]


def test_what_expires_before_it_is_due_is_not_done() -> None:
    assert told(change(1, NOON, expires_at_ms=NOON)) == [("suppressed", "expired")]


def test_what_comes_after_it_has_expired_is_not_done() -> None:
    late, newest = change(1, NOON, expires_at_ms=NOON + HOUR), change(2, NOON + HOUR, "category_interest")
    assert told(newest, late) == [("suppressed", "expired")]
    assert told(late, newest, late | {"status": "retracted", "version": NOON + 1}) == []


def test_what_comes_out_of_order_is_decided_as_of_now() -> None:
    """What is done about it would be done now: caps count from here, not from when it occurred."""
    newest, old = change(2, NOON + 2 * HOUR, "category_interest"), change(1, NOON + 1, "category_interest")
    assert told(newest, old) == [("suppressed", "capped")]
    assert told(old, newest) == [("due", None)]


def test_a_cancelled_trigger_counts_for_the_cap_only_if_it_was_due_by_then() -> None:
    category = change(1, NOON, "category_interest")
    early = category | {"status": "retracted", "version": NOON + 1}
    late = category | {"status": "retracted", "version": NOON + 60_000}
    again = change(2, NOON + 70_000, "category_interest")
    assert told(category, early, again) == [("due", None)]
    assert told(category, late, again) == [("suppressed", "capped")]


def test_quiet_hours_defer_or_drop() -> None:
    night = {"zone": "Europe/Berlin", "start": "21:00", "end": "08:00", "policy": "defer"}
    evening = 1_700_080_200_000  # 2023-11-15T21:30 in Berlin
    quiet = TABLE.model_copy(update={"quiet_hours": QuietHours.model_validate(night)})
    (found,) = Host(quiet).take(change(1, evening))
    assert (found["status"], found["due_at_ms"]) == ("due", evening + 10 * HOUR + HOUR // 2)
    drop = TABLE.model_copy(update={"quiet_hours": QuietHours.model_validate({**night, "policy": "drop"})})
    assert told(change(1, evening), table=drop) == [("suppressed", "quiet_hours")]
    assert told(change(1, NOON), table=drop) == [("due", None)]


def test_who_is_erased_gets_nothing_any_more() -> None:
    due, order = change(1, NOON), erased(NOON + 10, NOON + HOUR)
    assert told(due, order) == [("cancelled", "erased")]
    assert told(due, order, order) == []
    assert told(due, order, change(1, NOON, status="retracted", version=NOON + 20)) == []
    assert told(due, order, change(2, NOON + HOUR)) == []
    assert told(due, order, change(2, NOON + HOUR + 1)) == [("due", None)]


def test_an_erasure_leaves_nothing_but_its_own_end() -> None:
    host = Host()
    host.take(change(7, NOON, "suggestions_paused"), change(1, NOON), change(2, NOON, "first_purchase"))
    host.take(erased(NOON + 10, NOON + HOUR))
    assert CODEC.decode(host.store.rows["anna"][8:]) == Visitor(clock=NOON + 10, erased_until=NOON + HOUR)


def test_an_order_that_comes_again_spares_what_came_after_it() -> None:
    order = erased(NOON, NOON + HOUR)
    back = [change(1, NOON + HOUR + 1), change(2, NOON + HOUR + 2)]
    assert told(order, *back, order, change(3, NOON + HOUR + 3)) == [("suppressed", "capped")]
    assert told(*back, order, change(3, NOON + HOUR + 3)) == [("suppressed", "capped")]


def test_an_older_order_takes_nothing_back_of_a_newer_one() -> None:
    newer, older = erased(NOON + 10, NOON + HOUR), erased(NOON, NOON + HOUR // 2)
    assert told(newer, older, change(1, NOON + HOUR)) == []
    assert told(older, newer, change(1, NOON + HOUR)) == []


def test_who_did_nothing_is_known_until_the_quiet_time_is_over() -> None:
    host = Host()
    assert host.take(erased(NOON, NOON + HOUR)) == []
    assert host.take(change(1, NOON + HOUR)) == []


def test_forgotten_is_who_has_nothing_that_matters_any_more() -> None:
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
def test_what_is_no_signal_is_counted_and_stops_nobody(value: bytes) -> None:
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
