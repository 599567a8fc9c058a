"""What is done about signals: caps, ranks, pauses, purchases, quiet hours, corrections."""

from __future__ import annotations

import json

import pytest

from connectors.contracts.signals import Trigger, trigger_id
from state.bucket import Bucket, Counts, DictStore, taken
from state.triggers.actions import ActionTable, QuietHours
from state.triggers.logic import TriggersLogic
from tests.trigger_host import DAY, HOUR, NOON, TABLE, Document, Host, change, decided, denied


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
    assert decided(first, first) == []
    assert decided(change(1, NOON, version=NOON + 1), first) == []


def test_a_newer_version_that_is_still_active_is_not_done_again() -> None:
    assert decided(change(1, NOON), change(1, NOON, version=NOON + 5)) == []


@pytest.mark.parametrize("status", ["retracted", "recovered", "expired"])
def test_a_signal_that_is_no_longer_so_cancels_its_trigger_once(status: str) -> None:
    due, gone = change(1, NOON), change(1, NOON, status=status, version=NOON + 10)
    assert decided(due, gone) == [("cancelled", "no_longer_active")]
    assert decided(due, gone, gone | {"version": NOON + 20}) == []
    assert decided(gone) == []


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
    assert decided(denied(1, NOON)) == [("suppressed", "no_consent")]
    assert decided(denied(1, NOON), change(1, NOON, status="retracted", version=NOON + 1)) == []


def test_the_cap_counts_what_was_due_in_any_stretch() -> None:
    first, second = change(1, NOON), change(2, NOON + HOUR)
    assert decided(first, second) == [("due", None)]
    assert decided(first, second, change(3, NOON + 2 * HOUR)) == [("suppressed", "capped")]
    assert decided(first, second, change(3, NOON + DAY - 1)) == [("suppressed", "capped")]
    assert decided(first, second, change(3, NOON + DAY)) == [("due", None)]


def test_a_rules_own_cap_counts_signals_whatever_their_actions() -> None:
    second = {**TABLE.actions[0].model_dump(), "step": "second"}
    cap = {"cart_abandoned": {"triggers": 1, "within_ms": 2 * DAY}}
    rows = [*(row.model_dump() for row in TABLE.actions), second]
    table = ActionTable.model_validate({**TABLE.model_dump(), "actions": rows, "rule_caps": cap})
    first = change(1, NOON)
    assert decided(first, table=table) == [("due", None)] * 2
    assert decided(first, change(2, NOON + 2 * DAY - 1), table=table) == [("suppressed", "capped")] * 2
    assert decided(first, change(2, NOON + 2 * DAY), table=table) == [("due", None)] * 2
    other = change(2, NOON + 2 * HOUR, "category_interest")
    assert decided(first, other, table=table) == [("due", None)]


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
    assert decided(change(1, NOON), *(denied(n, NOON + n) for n in range(2, 9)), change(9, NOON + 9)) == [
        ("due", None)
    ]


def test_a_more_important_action_suppresses_what_comes_after_it() -> None:
    cart = change(1, NOON)
    assert decided(cart, change(2, NOON + HOUR, "category_interest")) == [("suppressed", "outranked")]
    assert decided(cart, change(2, NOON + HOUR + 1, "category_interest")) == [("due", None)]


def test_a_more_important_action_cancels_what_is_not_due_yet() -> None:
    category = change(2, NOON, "category_interest")
    assert decided(category, change(1, NOON + 59_999)) == [("due", None), ("cancelled", "outranked")]
    assert decided(category, change(1, NOON + 60_000)) == [("due", None)]


def test_a_pause_holds_as_long_as_its_signal() -> None:
    pause = change(7, NOON - HOUR, "suggestions_paused")
    assert decided(pause, change(1, NOON)) == [("suppressed", "paused")]
    over = pause | {"status": "retracted", "version": NOON - 1}
    assert decided(pause, over, change(1, NOON)) == [("due", None)]
    assert decided(pause | {"expires_at_ms": NOON}, change(1, NOON)) == [("due", None)]


@pytest.mark.parametrize(
    "bought",
    [
        change(8, NOON - HOUR, "first_purchase"),
        change(9, NOON - 2 * HOUR, status="recovered", version=NOON - HOUR),
        change(9, NOON - 2 * HOUR, "of_no_action", status="recovered", version=NOON - HOUR),
    ],
    ids=["purchase", "recovered", "recovered without an action"],
)
def test_a_recent_purchase_suppresses(bought: Document) -> None:
    assert decided(bought, change(1, NOON)) == [("suppressed", "just_purchased")]
    assert decided(bought, change(1, NOON + 23 * HOUR)) == [("suppressed", "just_purchased")]
    assert decided(bought, change(1, NOON + 23 * HOUR + 1)) == [("due", None)]


def test_what_expires_before_it_is_due_is_not_done() -> None:
    assert decided(change(1, NOON, expires_at_ms=NOON)) == [("suppressed", "expired")]


def test_what_comes_after_it_has_expired_is_not_done() -> None:
    late, newest = change(1, NOON, expires_at_ms=NOON + HOUR), change(2, NOON + HOUR, "category_interest")
    assert decided(newest, late) == [("suppressed", "expired")]
    assert decided(late, newest, late | {"status": "retracted", "version": NOON + 1}) == []


def test_what_comes_out_of_order_is_decided_as_of_now() -> None:
    """What is done about it would be done now: caps count from here, not from when it occurred."""
    newest, old = change(2, NOON + 2 * HOUR, "category_interest"), change(1, NOON + 1, "category_interest")
    assert decided(newest, old) == [("suppressed", "capped")]
    assert decided(old, newest) == [("due", None)]


def test_a_cancelled_trigger_counts_for_the_cap_only_if_it_was_due_by_then() -> None:
    category = change(1, NOON, "category_interest")
    early = category | {"status": "retracted", "version": NOON + 1}
    late = category | {"status": "retracted", "version": NOON + 60_000}
    again = change(2, NOON + 70_000, "category_interest")
    assert decided(category, early, again) == [("due", None)]
    assert decided(category, late, again) == [("suppressed", "capped")]


def test_quiet_hours_defer_or_drop() -> None:
    night = {"zone": "Europe/Berlin", "start": "21:00", "end": "08:00", "policy": "defer"}
    evening = 1_700_080_200_000  # 2023-11-15T21:30 in Berlin
    quiet = TABLE.model_copy(update={"quiet_hours": QuietHours.model_validate(night)})
    (found,) = Host(quiet).take(change(1, evening))
    assert (found["status"], found["due_at_ms"]) == ("due", evening + 10 * HOUR + HOUR // 2)
    drop = TABLE.model_copy(update={"quiet_hours": QuietHours.model_validate({**night, "policy": "drop"})})
    assert decided(change(1, evening), table=drop) == [("suppressed", "quiet_hours")]
    assert decided(change(1, NOON), table=drop) == [("due", None)]
