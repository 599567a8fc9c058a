"""What is done about signals: caps, ranks, pauses, purchases, quiet hours, corrections; from histories alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors import actions
from connectors.actions import ActionTable, QuietHours
from connectors.decisions import Change, decide
from connectors.errors import BadInput
from connectors.signals import Trigger, trigger_id

HOUR = 3_600_000
NOON = 1_700_049_600_000  # 2023-11-15T12:00:00Z
TABLE = ActionTable.model_validate(
    {
        "version": 1,
        "suppress": {
            "consent": ["denied"],
            "paused_by": ["suggestions_paused"],
            "purchases": ["first_purchase"],
            "after_purchase_ms": 24 * HOUR,
        },
        "actions": [
            {
                "kind": "cart_abandoned", "action": "send_cart_offer", "step": "first", "priority": 1,
                "cap": {"triggers": 2, "within_ms": 24 * HOUR}, "outranks_for_ms": HOUR, "payload": {"x": 1},
            },
            {
                "kind": "category_interest", "action": "suggest", "step": "first", "priority": 5,
                "delay_ms": 60_000, "cap": {"triggers": 1, "within_ms": HOUR},
            },
        ],
    }
)  # fmt: skip


def change(
    number: int, at_ms: int, kind: str = "cart_abandoned", status: str = "active", **more: Any
) -> Change:
    fields = {"occurred_at_ms": at_ms, "version": at_ms, "expires_at_ms": at_ms + 7 * 24 * HOUR, **more}
    return Change(f"{number:032}", "anna", kind, status, **fields)


def told(*history: Change, table: ActionTable = TABLE) -> list[tuple[str, str | None]]:
    """(status, reason) of what the last change led to."""
    return [(trigger.status, trigger.reason) for trigger in decide(history, table)]


def test_a_signal_leads_to_its_action() -> None:
    (found,) = decide([change(1, NOON)], TABLE, {"cart_events": 2})
    assert found == Trigger(
        trigger_id=trigger_id(f"{1:032}", "send_cart_offer", "first"),
        signal_id=f"{1:032}",
        visitor_id="anna",
        action="send_cart_offer",
        status="due",
        decided_at_ms=NOON,
        due_at_ms=NOON,
        expires_at_ms=NOON + 7 * 24 * HOUR,
        payload={"x": 1, "kind": "cart_abandoned", "evidence": {"cart_events": 2}},
    )


def test_a_kind_without_an_action_leads_to_nothing() -> None:
    assert told(change(1, NOON, "bounce")) == []


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
    assert told(due, gone, replace(gone, version=NOON + 20)) == []
    assert told(gone) == []


def test_nothing_is_cancelled_that_was_not_due() -> None:
    denied = change(1, NOON, consent="denied")
    assert told(denied) == [("suppressed", "no_consent")]
    assert told(denied, change(1, NOON, status="retracted", version=NOON + 1)) == []


def test_the_cap_counts_what_was_due_in_any_stretch() -> None:
    first, second = change(1, NOON), change(2, NOON + HOUR)
    assert told(first, second) == [("due", None)]
    assert told(first, second, change(3, NOON + 2 * HOUR)) == [("suppressed", "capped")]
    assert told(first, second, change(3, NOON + 24 * HOUR - 1)) == [("suppressed", "capped")]
    assert told(first, second, change(3, NOON + 24 * HOUR)) == [("due", None)]


def test_a_rules_own_cap_counts_signals_whatever_their_actions() -> None:
    second = {**TABLE.actions[0].model_dump(), "step": "second"}
    cap = {"cart_abandoned": {"triggers": 1, "within_ms": 48 * HOUR}}
    rows = [*(row.model_dump() for row in TABLE.actions), second]
    table = ActionTable.model_validate({**TABLE.model_dump(), "actions": rows, "rule_caps": cap})
    first = change(1, NOON)
    assert told(first, table=table) == [("due", None)] * 2
    assert told(first, change(2, NOON + 48 * HOUR - 1), table=table) == [("suppressed", "capped")] * 2
    assert told(first, change(2, NOON + 48 * HOUR), table=table) == [("due", None)] * 2
    other = change(2, NOON + 2 * HOUR, "category_interest")
    assert told(first, other, table=table) == [("due", None)]


def test_what_was_suppressed_does_not_count() -> None:
    history = [change(1, NOON), *(change(n, NOON + n, consent="denied") for n in range(2, 9))]
    assert told(*history, change(9, NOON + 9)) == [("due", None)]


def test_a_more_important_action_suppresses_what_comes_after_it() -> None:
    cart = change(1, NOON)
    assert told(cart, change(2, NOON + HOUR, "category_interest")) == [("suppressed", "outranked")]
    assert told(cart, change(2, NOON + HOUR + 1, "category_interest")) == [("due", None)]


def test_a_more_important_action_cancels_what_is_not_due_yet() -> None:
    category = change(2, NOON, "category_interest")
    expected = [("due", None), ("cancelled", "outranked")]
    assert told(category, change(1, NOON + 59_999)) == expected
    assert told(category, change(1, NOON + 60_000)) == [("due", None)]


def test_a_pause_holds_as_long_as_its_signal() -> None:
    pause = change(7, NOON - HOUR, "suggestions_paused")
    assert told(pause, change(1, NOON)) == [("suppressed", "paused")]
    over = replace(pause, status="retracted", version=NOON - 1)
    assert told(pause, over, change(1, NOON)) == [("due", None)]
    assert told(replace(pause, expires_at_ms=NOON), change(1, NOON)) == [("due", None)]


@pytest.mark.parametrize(
    "bought",
    [
        change(8, NOON - HOUR, "first_purchase"),
        change(9, NOON - 2 * HOUR, status="recovered", version=NOON - HOUR),
    ],
    ids=["purchase", "recovered"],
)
def test_who_has_just_bought_is_left_alone(bought: Change) -> None:
    assert told(bought, change(1, NOON)) == [("suppressed", "just_purchased")]
    assert told(bought, change(1, NOON + 23 * HOUR)) == [("suppressed", "just_purchased")]
    assert told(bought, change(1, NOON + 23 * HOUR + 1)) == [("due", None)]


def test_what_expires_before_it_is_due_is_not_done() -> None:
    assert told(change(1, NOON, expires_at_ms=NOON)) == [("suppressed", "expired")]


def test_a_cancelled_trigger_counts_for_the_cap_only_if_it_was_due_by_then() -> None:
    category = change(1, NOON, "category_interest")
    early = replace(category, status="retracted", version=NOON + 1)
    late = replace(category, status="retracted", version=NOON + 60_000)
    again = change(2, NOON + 70_000, "category_interest")
    assert told(category, early, again) == [("due", None)]
    assert told(category, late, again) == [("suppressed", "capped")]


NIGHT = {"zone": "Europe/Berlin", "start": "21:00", "end": "08:00", "policy": "defer"}
EVENING = 1_700_080_200_000  # 2023-11-15T21:30 in Berlin


def test_quiet_hours_defer_or_drop() -> None:
    quiet = TABLE.model_copy(update={"quiet_hours": QuietHours.model_validate(NIGHT)})
    (found,) = decide([change(1, EVENING)], quiet)
    assert (found.status, found.due_at_ms) == ("due", EVENING + 10 * HOUR + HOUR // 2)
    drop = TABLE.model_copy(update={"quiet_hours": QuietHours.model_validate({**NIGHT, "policy": "drop"})})
    assert told(change(1, EVENING), table=drop) == [("suppressed", "quiet_hours")]
    assert told(change(1, NOON), table=drop) == [("due", None)]


@pytest.mark.parametrize(
    ("zone", "at_ms", "ends_at_ms"),
    [
        # The night of 26 March 2023 has an hour less, that of 29 October one more: 22:00 to 08:00 local time.
        ("Europe/Berlin", 1_679_778_000_000, 1_679_778_000_000 + 9 * HOUR),
        ("Europe/Berlin", 1_698_523_200_000, 1_698_523_200_000 + 11 * HOUR),
        (
            "Asia/Kolkata",
            1_700_065_800_000,
            1_700_065_800_000 + 10 * HOUR,
        ),  # 22:00 at half an hour past UTC's
    ],
)
def test_quiet_hours_are_those_of_the_zones_clock(zone: str, at_ms: int, ends_at_ms: int) -> None:
    assert QuietHours.model_validate({**NIGHT, "zone": zone}).ends_at_ms(at_ms) == ends_at_ms


def test_quiet_hours_begin_and_end_to_the_minute() -> None:
    day = QuietHours.model_validate({**NIGHT, "zone": "UTC", "start": "12:00", "end": "13:00"})
    assert [day.ends_at_ms(NOON + shift) is None for shift in (-1, 0, HOUR - 1, HOUR)] == [
        True,
        False,
        False,
        True,
    ]


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    night = QuietHours.model_validate({**NIGHT, "end": "02:30"})
    first, second = 1_698_538_200_000, 1_698_541_800_000  # 02:10 in summer time and 02:10 in winter time
    first_end, second_end = night.ends_at_ms(first), night.ends_at_ms(second)
    assert (first_end, second_end) == (first + HOUR // 3, second + HOUR // 3)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("version: 1\nactions: []", "actions"),
        (
            "version: 1\nactions: [{kind: a, action: b, step: c, priority: 0, cap: {triggers: 1, within_ms: 1}}]",
            "priority",
        ),
        (
            "version: 1\nquiet_hours: {zone: Mars/Olympus, start: '21:00', end: '08:00', policy: defer}",
            "zone",
        ),
        ("version: 1\nunheard_of: 1\nactions: []", "unheard_of"),
        ("a: [", "YAML"),
    ],
)
def test_a_table_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "actions.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=named):
        actions.load(path)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        actions.load(tmp_path / "none.yaml")


def test_the_shipped_table_is_right() -> None:
    assert {row.kind for row in actions.load().actions} >= {"cart_abandoned", "checkout_hesitation"}
