"""Why a rule fired or did not: every reason on made-up facts; and that the evaluation agrees with the naive oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from cli import why
from connectors.contracts.signals import signal_id
from connectors.errors import BadInput
from jobs.active_rules import active_rules
from jobs.offline.why import report
from jobs.offline.why.answers import Answer, explain, others
from jobs.offline.why.facts import EventTime, Facts, Refused, Running
from jobs.settings import Settings
from tests.words import DAY, HOUR, Document, cart, event, page, purchase, t

RULES = {rule.name: rule for rule in active_rules(Settings())}
NOW = t(60 * 24)


def running(watermark_ms: int | None = NOW, partition: str = "", **versions: int) -> Running:
    rules = {name: rule.version for name, rule in RULES.items()} | versions
    return Running("footfall-suite", t(-60), rules, EventTime(watermark_ms, "Window, subtask 1", partition))


def facts(*events: Document, **more: Any) -> Facts:
    return Facts("v", NOW, tuple(events), **{"running": running(), **more})


def view(minute: float, category: str | None = "shoes", **more: Any) -> Document:
    product = {"product_id": "p", **({"category": category} if category else {})}
    return event("v", "product_view", t(minute), product=product, **more)


def only(rule: str, known: Facts) -> Answer:
    (found,) = explain(RULES[rule], known)
    return found


def signal(rule: str, anchor: str, at_ms: int, **more: Any) -> Document:
    return {
        "signal_id": signal_id(rule, rule, "v", anchor), "kind": rule, "status": "active", "occurred_at_ms": at_ms,
        "version": at_ms, "expires_at_ms": at_ms + 7 * DAY, "rule": {"name": rule, "version": RULES[rule].version},
        "evidence": {"last_cart_at_ms": at_ms - 1, "value": 20}, **more,
    }  # fmt: skip


CART = cart(t(0))
ABANDONED = signal("cart_abandoned", CART["event_id"], t(30))


def test_a_signal_is_shown_with_evidence_and_time() -> None:
    answer = only("cart_abandoned", facts(CART, signals=(ABANDONED,)))
    assert (answer.fired, answer.reason, answer.at_ms, answer.notes) == (True, "active", t(30), ())
    assert answer.message.startswith(
        "active since 2023-11-15 00:30:00 UTC (23 h 30 min ago): last_cart_at_ms=2023-11-15"
    )


@pytest.mark.parametrize("status", ["recovered", "retracted"])
def test_the_state_of_a_signal_is_shown(status: str) -> None:
    changed = {**ABANDONED, "status": status, "version": t(50)}
    answer = only("cart_abandoned", facts(CART, signals=(changed,)))
    assert answer.fired and answer.reason == status and f"{status} at 2023-11-15 00:50:00" in answer.message


def test_an_expired_signal_and_an_older_version_are_noted() -> None:
    old = {**ABANDONED, "expires_at_ms": t(60)}
    rule = RULES["cart_abandoned"].model_copy(update={"version": 7})
    (answer,) = explain(rule, facts(CART, signals=(old,)))
    assert answer.version == 2
    assert answer.notes == (
        "expired at 2023-11-15 01:00:00 UTC (23 h ago): it is not acted on any more",
        "found by version 2; version 7 is active now",
    )


@pytest.mark.parametrize(
    ("status", "reason"), [("suppressed", "capped"), ("suppressed", "no_consent"), ("due", None)]
)
def test_what_was_done_about_a_signal_is_noted(status: str, reason: str | None) -> None:
    trigger = {
        "signal_id": ABANDONED["signal_id"],
        "action": "send_cart_offer",
        "status": status,
        "reason": reason,
    }
    trigger |= {"due_at_ms": t(40), "decided_at_ms": t(30)}
    (note,) = only("cart_abandoned", facts(CART, signals=(ABANDONED,), triggers=(trigger,))).notes
    assert note == f"send_cart_offer {status}" + (f": {reason}" if reason else ", due at 2023-11-15 00:40:00")


def test_an_earlier_signal_does_not_hide_the_newest_session() -> None:
    views = [view(60 + minute) for minute in range(3)]
    earlier = signal("category_interest", "session/shoes", t(4))
    now, before = explain(RULES["category_interest"], facts(*views, signals=(earlier,)))
    assert (now.reason, now.facts["count"], before.fired) == ("count", 3, True)
    assert len(explain(RULES["category_interest"], facts(page(t(3)), signals=(earlier,)))) == 1
    bought = signal("first_purchase", "order", t(4))
    assert len(explain(RULES["first_purchase"], facts(*views, signals=(bought,)))) == 1


def test_signals_without_a_rule_are_shown() -> None:
    merged = {**ABANDONED, "kind": "visitor_merged", "rule": {"name": "visitor_merged", "version": 1}}
    (answer,) = others(RULES.values(), facts(signals=(merged, ABANDONED)))
    assert (answer.rule, answer.fired) == ("visitor_merged", True)


def test_a_timer_is_pending() -> None:
    known = replace(facts(CART, running=running(t(10))), now_ms=t(12))
    answer = only("cart_abandoned", known)
    assert (answer.fired, answer.reason, answer.at_ms) == (False, "pending", t(30))
    assert answer.message.startswith("timer pending until 2023-11-15 00:30:00 UTC (in 18 min)")


def test_a_watermark_is_held_back_by_a_partition() -> None:
    answer = only("cart_abandoned", facts(CART, running=running(t(10), "footfall.events.raw-1")))
    assert answer.reason == "watermark_held"
    assert "event time stands at 2023-11-15 00:10:00 UTC" in answer.message
    assert "held by partition footfall.events.raw-1" in answer.message
    assert "held by Window, subtask 1" in only("cart_abandoned", facts(CART, running=running(t(10)))).message
    assert "has not begun" in only("cart_abandoned", facts(CART, running=running(None))).message


def test_a_rule_that_began_later_is_named() -> None:
    rule = RULES["cart_abandoned"].model_copy(update={"version": 7})
    changed = {("cart_abandoned", 7): t(45)}
    (answer,) = explain(rule, facts(CART, rule_changes=changed, running=running(cart_abandoned=7)))
    assert (
        answer.reason == "rule_started_later" and "version 7 began at 2023-11-15 00:45:00" in answer.message
    )


def test_a_version_that_the_job_does_not_run_is_named() -> None:
    rule = RULES["cart_abandoned"].model_copy(update={"version": 7})
    (answer,) = explain(rule, facts(CART))
    assert answer.reason == "rule_not_running" and "submitted with version 2" in answer.message
    assert only("cart_abandoned", facts(CART, running=None)).reason == "not_running"


def test_rules_of_a_folder_run_and_both_versions_are_shown() -> None:
    rule = RULES["cart_abandoned"].model_copy(update={"version": 7})
    known = replace(facts(CART, running=running(t(10))), now_ms=t(12), follows=True)
    (answer,) = explain(rule, known)
    assert (answer.reason, answer.version) == ("pending", 7)
    (last,) = [line for line in report.headlines([rule], known) if "submitted with" in line]
    assert "its folder has by now, which it follows" in last and "cart_abandoned 2 -> 7" in last
    assert "bounce 1 -> none" in last
    found = report.document([rule], known, [answer])
    assert (found["rules_submitted"]["cart_abandoned"], found["rules_active"]) == (2, {"cart_abandoned": 7})
    assert not [line for line in report.headlines(list(RULES.values()), known) if "submitted with" in line]


def test_a_signal_that_the_index_lacks_is_named() -> None:
    assert only("cart_abandoned", facts(CART)).reason == "not_in_index"


def test_a_late_event_is_why() -> None:
    last = view(3, source={"timestamp_ms": t(3) + 42_000})
    answer = only("category_interest", facts(view(0), view(1), view(2), late=(last,)))
    assert (answer.reason, answer.facts["event_ids"]) == ("late", [last["event_id"]])
    assert f"product_view {last['event_id']} of 2023-11-15 00:03:00 came late by 40 s" in answer.message


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("no_consent", "held_back"), ("bot_quarantined", "held_back"), ("out_of_range", "rejected")],
)
def test_what_was_refused_is_why(reason: str, expected: str) -> None:
    letter = Refused(reason, "0 to 999999 is allowed", "raw:0:7", view(3))
    unread = Refused("not_json", "no JSON", "raw:0:8", None)
    answer = only("category_interest", facts(view(0), view(1), view(2), refused=(unread, letter)))
    assert answer.reason == expected and reason in answer.message
    assert answer.facts["event_ids"] == [view(3)["event_id"]]


def test_two_late_events_together_are_why() -> None:
    answer = only("category_interest", facts(view(0), view(1), late=(view(2), view(3))))
    assert answer.reason == "late" and len(answer.facts["event_ids"]) == 2


def test_a_device_that_is_a_user_is_named() -> None:
    answer = only("bounce", facts(users={"u": t(5)}))
    assert answer.reason == "other_visitor" and answer.message.endswith("ask for u")


def click_on(path: str, second: float) -> Document:
    return event("v", "click", t(second / 60), context={"path": path}, sequence=round(second))


def begun(day: int, category: str) -> Document:
    return view(60 * 24 * day, category)


def moved(kind: str, minute: float) -> Document:
    return event("v", kind, t(minute), product={"product_id": "p"})


# What happened, the rule, the reason, the words.
MISSES: list[tuple[list[Document], str, str, str]] = [
    ([], "bounce", "no_events", "there is no valid event"),
    ([view(n) for n in range(3)], "category_interest", "count",
     "count 3 of 4 for product.category = 'shoes' in the session since 2023-11-15 00:00:00"),
    ([view(0), view(1, "hats"), view(2)], "category_interest", "count", "count 2 of 4 for product.category = 'shoes'"),
    ([view(0, None), view(1, None)], "category_interest", "no_such_event", "of the last one product.category = None"),
    ([page(t(0))], "product_revisit", "no_such_event", "of 1 events none is of type product_view"),
    ([click_on("/a", 0), click_on("/a", 1), click_on("/a", 9)], "rage_clicks", "count",
     "count 2 of 4 for context.path = '/a' within 2 s"),
    ([page(t(0)), page(t(1))], "bounce", "count", "count 2, exactly 1 is asked for"),
    ([purchase(t(0), order={"revenue": 99.5})], "high_value_session", "count", "revenue 99.5 of 200 in the"),
    ([purchase(t(0))], "repeat_purchase", "count", "count 1 of 2 within 365 d"),
    ([CART, purchase(t(5))], "cart_abandoned", "answered",
     "purchase v/purchase/300000/0 at 2023-11-15 00:05:00 ended the wait that add_to_cart v/add_to_cart/0/0"),
    ([CART, event("v", "remove_from_cart", t(3))], "cart_abandoned", "answered",
     "remove_from_cart v/remove_from_cart/180000/0 at 2023-11-15 00:03:00 ended the wait that add_to_cart"),
    ([cart(t(0), sequence=1), purchase(t(0), sequence=1), page(t(1))], "cart_abandoned", "answered",
     "purchase v/purchase/0/1 at 2023-11-15 00:00:00 ended the wait that add_to_cart v/add_to_cart/0/1"),
    ([event("v", "form_start", t(0)), event("v", "form_submit", t(1))], "form_abandoned", "answered", "form_submit"),
    ([page(t(0)), page(t(60 * 50))], "returning_visitor", "silence", "lasted 2 d 2 h of 7 d, until"),
    ([moved("add_to_cart", 0), moved("remove_from_cart", 1)], "price_hesitation", "steps",
     "2 of 3 steps for product.product_id = 'p', the last at 2023-11-15 00:01:00"),
    ([moved("add_to_cart", 0), moved("remove_from_cart", 1), moved("add_to_cart", 60 * 25)], "price_hesitation",
     "steps", "all 3 steps for product.product_id = 'p', but in 1 d 1 h, not 1 d"),
    ([event("v", "video_start", t(0)), event("v", "video_progress", t(0.15))], "video_engagement", "dwell",
     "9 s of 15 s in the session since"),
    ([page(t(0))], "funnel_step", "no_such_event", "of 1 events none belongs to a step (view, cart,"),
    ([page(t(0))], "suggestions_paused", "no_such_event", "of 1 events none is a view with product.category"),
    ([begun(0, "a"), begun(1, "b")], "suggestions_paused", "sessions", "2 of 3 sessions that began with a category"),
    ([begun(0, "a"), begun(1, "b"), begun(2, "a")], "suggestions_paused", "values",
     "the last 3 sessions began with a, b, a: 2 different, 3 are asked for"),
    ([begun(0, "a"), begun(1, "b"), begun(40, "c")], "suggestions_paused", "values", "but in 40 d; 30 d are allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("events", "rule", "reason", "words"), MISSES)
def test_how_far_it_came(events: list[Document], rule: str, reason: str, words: str) -> None:
    known = replace(facts(*events, running=running(t(60 * 24 * 400))), now_ms=t(60 * 24 * 400))
    answer = only(rule, known)
    assert (answer.fired, answer.reason) == (False, reason)
    assert words in answer.message and "still possible" not in answer.message


def test_every_kind_of_rule_has_a_miss() -> None:
    assert {RULES[rule].kind for _, rule, _, _ in MISSES} == {rule.kind for rule in RULES.values()}


def test_what_is_still_possible_is_shown() -> None:
    known = replace(facts(view(0), view(1), running=running(t(2))), now_ms=t(2))
    assert only("category_interest", known).message.endswith(
        "still possible until 2023-11-15 00:31:00 UTC (in 29 min)"
    )


# -------------------------------------------------------------------------------------------- the command


def asked(monkeypatch: pytest.MonkeyPatch, known: Facts, *arguments: str) -> Any:
    monkeypatch.setattr(
        why, "running", lambda url: (known.running, {"session_gap_ms": "1000", "rule.bounce": "1"})
    )
    monkeypatch.setattr(why, "gather", lambda settings, visitor, since_ms, job: known)
    return CliRunner().invoke(why.main, list(arguments))


def test_the_command_answers_people_and_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    known = facts(
        CART,
        late=(page(t(1)),),
        signals=(ABANDONED,),
        refused=(Refused("not_json", "x", "r:0:1", None),),
    )
    result = asked(monkeypatch, known, "v")
    assert result.exit_code == 0
    assert "cart_abandoned                fired: active since" in result.output
    assert "1 late: v/page_view/60000/0" in result.output and "not_json (x): 1" in result.output
    assert "bounce                        not fired:" in result.output
    found = orjson.loads(asked(monkeypatch, known, "v", "cart_abandoned", "--json").output)
    assert [answer["rule"] for answer in found["answers"]] == ["cart_abandoned"]
    assert found["answers"][0]["facts"]["evidence"] == ABANDONED["evidence"]


def test_an_unknown_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    result = asked(monkeypatch, facts(), "v", "cart_abandonned")
    assert result.exit_code == 2 and "cart_abandoned" in result.output
    with pytest.raises(BadInput):
        report.chosen_rules([], "bounce")


def test_numbers_are_those_of_the_running_job(tmp_path: Any) -> None:
    expected = {"session_gap_ms": "1000", "rules_dir": "elsewhere", "unheard_of": "1"}
    settings = why.settings_of(None, ("cart_timeout_ms=5",), expected)
    assert (settings.session_gap_ms, settings.cart_timeout_ms, settings.rules_dir) == (1_000, 5, "")


def test_only_the_newest_answers_of_a_rule_are_shown() -> None:
    expected = [Answer("bounce", 1, True, "active", "x", at * HOUR) for at in range(5)]
    shown = report.lines(expected)
    assert len(shown) == 4 and shown[-1].endswith("and 2 earlier (--json has all)")
