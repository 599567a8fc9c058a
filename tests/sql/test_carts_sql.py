"""Cart abandonment and recovery: exact at both limits, in every order of arrival, in the contract's words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.signals import Signal, signal_id
from jobs.settings import Settings
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import (
    ANSWERED_CARTS,
    CARTS,
    DAY,
    ORDERS,
    Stories,
    cart,
    event,
    is_cart,
    is_recovered_cart,
    page,
    purchase,
    t,
)

SETTINGS = Settings()
FIRES_AFTER_MIN = SETTINGS.cart_timeout_ms // 60_000
FIRES_AT = t(FIRES_AFTER_MIN)  # of a cart at t(0)
RECOVERY_END = FIRES_AT + SETTINGS.cart_recovery_ms
STORIES = Stories()


class Answers:
    """The rows of one run."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self.rows = rows

    def fired(self, visitor: str) -> list[tuple[int, int]]:
        """(last_cart_at_ms, fires_at_ms) of every abandonment, in order of time."""
        mine = self._of(visitor, CARTS)
        return sorted((row["waits_since_ms"], row["due_at_ms"]) for row in mine)

    def recovered(self, visitor: str) -> list[tuple[int, int]]:
        """(fires_at_ms, purchased_at_ms) of every recovered abandonment, in order of time."""
        mine = filter(is_recovered_cart, self._of(visitor, ANSWERED_CARTS))
        return sorted((row["due_at_ms"], row["answered_at_ms"]) for row in mine)

    def evidence(self, visitor: str, status: str = "active") -> list[dict[str, Any]]:
        return [signal.evidence for signal in self.signals(visitor) if signal.status == status]

    def signals(self, visitor: str) -> list[Signal]:
        """The visitor's signals in order of their versions, as the contract reads them."""
        documents = [row["document"] for row in self._of(visitor, "signal_documents")]
        signals = map(Signal.model_validate_json, documents)
        carts = (signal for signal in signals if signal.kind == "cart_abandoned")
        return sorted(carts, key=lambda signal: signal.version)

    def _of(self, visitor: str, view: str) -> list[Row]:
        return [row for row in self.rows[view] if row["visitor_id"] == visitor]


@pytest.fixture(scope="module", params=ORDERS)
def answers(flink: Flink, request: pytest.FixtureRequest) -> Answers:
    arrange, settings = ORDERS[request.param]
    views = [CARTS, ANSWERED_CARTS, "signal_documents"]
    return Answers(flink.run(arrange(STORIES.events), views, **settings))


# ------------------------------------------------------------------------------------------------ abandonment


@STORIES.tell(cart("left", t(0)), page("left", t(1)))
def test_a_cart_that_nothing_follows_fires(answers: Answers) -> None:
    assert answers.fired("left") == [(t(0), FIRES_AT)]


@STORIES.tell(cart("below", t(0)), purchase("below", FIRES_AT - 1))
def test_a_purchase_a_millisecond_before_the_timeout_clears(answers: Answers) -> None:
    assert answers.fired("below") == []


@STORIES.tell(cart("exact", t(0)), purchase("exact", FIRES_AT))
def test_a_purchase_at_exactly_the_timeout_clears(answers: Answers) -> None:
    assert answers.fired("exact") == []


@STORIES.tell(cart("above", t(0)), purchase("above", FIRES_AT + 1))
def test_a_purchase_a_millisecond_after_the_timeout_is_too_late(answers: Answers) -> None:
    assert answers.fired("above") == [(t(0), FIRES_AT)]


@STORIES.tell(cart("again", t(0)), cart("again", t(20)), purchase("again", t(45)))
def test_a_further_cart_event_arms_the_timer_again(answers: Answers) -> None:
    assert answers.fired("again") == []


@STORIES.tell(cart("last", t(0)), cart("last", t(20)))
def test_the_last_cart_event_is_what_fires(answers: Answers) -> None:
    assert answers.fired("last") == [(t(20), t(20 + FIRES_AFTER_MIN))]
    (evidence,) = answers.evidence("last")
    assert evidence == {
        "last_cart_event_id": cart("last", t(20))["event_id"],
        "last_cart_at_ms": t(20),
        "cart_events": 2,
    }


@STORIES.tell(cart("rearm exact", t(0)), cart("rearm exact", FIRES_AT))
def test_a_cart_event_at_exactly_the_timeout_arms_again(answers: Answers) -> None:
    assert answers.fired("rearm exact") == [(FIRES_AT, FIRES_AT + SETTINGS.cart_timeout_ms)]


@STORIES.tell(cart("twice", t(0)), cart("twice", FIRES_AT + 1))
def test_a_cart_event_after_the_timeout_is_another_abandonment(answers: Answers) -> None:
    assert answers.fired("twice") == [
        (t(0), FIRES_AT),
        (FIRES_AT + 1, FIRES_AT + 1 + SETTINGS.cart_timeout_ms),
    ]


@STORIES.tell(cart("removed", t(0)), event("removed", "remove_from_cart", t(10)))
def test_remove_from_cart_changes_nothing(answers: Answers) -> None:
    assert answers.fired("removed") == [(t(0), FIRES_AT)]
    assert answers.evidence("removed")[0]["cart_events"] == 1


@STORIES.tell(
    event("only removed", "remove_from_cart", t(0)), purchase("only bought", t(0)), page("only seen", t(0))
)
def test_nothing_fires_without_a_cart_event(answers: Answers) -> None:
    assert [answers.fired(visitor) for visitor in ("only removed", "only bought", "only seen")] == [
        [],
        [],
        [],
    ]


@STORIES.tell(cart("cart first", t(0), sequence=0), purchase("cart first", t(0), sequence=1))
def test_a_purchase_behind_the_cart_in_one_millisecond_clears(answers: Answers) -> None:
    assert answers.fired("cart first") == []


@STORIES.tell(cart("cart second", t(0), sequence=1), purchase("cart second", t(0), sequence=0))
def test_a_purchase_before_the_cart_in_one_millisecond_does_not(answers: Answers) -> None:
    assert answers.fired("cart second") == [(t(0), FIRES_AT)]


@STORIES.tell(cart("deep", t(0), sequence=999_999), purchase("deep", t(0), sequence=999_998))
def test_the_largest_sequence_stays_inside_its_millisecond(answers: Answers) -> None:
    assert answers.fired("deep") == [(t(0), FIRES_AT)]


@STORIES.tell(cart("next ms", t(0), sequence=999_999), purchase("next ms", t(0, ms=1), sequence=0))
def test_the_next_millisecond_is_later_than_any_sequence(answers: Answers) -> None:
    assert answers.fired("next ms") == []


@STORIES.tell(purchase("bought before", t(0)), cart("bought before", t(5)))
def test_a_purchase_before_the_cart_clears_nothing(answers: Answers) -> None:
    assert answers.fired("bought before") == [(t(5), t(5 + FIRES_AFTER_MIN))]


@STORIES.tell(cart("between", t(0)), purchase("between", t(5)), cart("between", t(10)))
def test_a_cart_after_the_purchase_is_a_new_one(answers: Answers) -> None:
    assert answers.fired("between") == [(t(10), t(10 + FIRES_AFTER_MIN))]


@STORIES.tell(cart("one", t(0)), purchase("other", t(10)))
def test_another_visitors_purchase_clears_nothing(answers: Answers) -> None:
    assert answers.fired("one") == [(t(0), FIRES_AT)]
    assert answers.recovered("one") == []


# --------------------------------------------------------------------------------------------------- recovery


@STORIES.tell(cart("at once", t(0)), purchase("at once", FIRES_AT + 1))
def test_a_purchase_right_after_the_firing_recovers(answers: Answers) -> None:
    assert answers.recovered("at once") == [(FIRES_AT, FIRES_AT + 1)]


@STORIES.tell(cart("day", t(0)), purchase("day", RECOVERY_END))
def test_a_purchase_at_exactly_the_recovery_time_recovers(answers: Answers) -> None:
    assert answers.recovered("day") == [(FIRES_AT, RECOVERY_END)]


@STORIES.tell(cart("day later", t(0)), purchase("day later", RECOVERY_END + 1))
def test_a_purchase_a_millisecond_after_the_recovery_time_does_not(answers: Answers) -> None:
    assert answers.fired("day later") == [(t(0), FIRES_AT)]
    assert answers.recovered("day later") == []


@STORIES.tell(cart("two buys", t(0)), purchase("two buys", t(90)), purchase("two buys", t(91)))
def test_the_first_of_two_purchases_counts(answers: Answers) -> None:
    assert answers.recovered("two buys") == [(FIRES_AT, t(90))]
    (evidence,) = answers.evidence("two buys", "recovered")
    assert evidence["purchase_event_id"] == purchase("two buys", t(90))["event_id"]


@STORIES.tell(cart("two carts", t(0)), cart("two carts", t(60)), purchase("two carts", t(120)))
def test_a_purchase_recovers_every_abandonment_of_its_last_day(answers: Answers) -> None:
    assert answers.recovered("two carts") == [(FIRES_AT, t(120)), (t(60 + FIRES_AFTER_MIN), t(120))]


@STORIES.tell(
    cart("one in time", t(0)), cart("one in time", t(60)), purchase("one in time", RECOVERY_END + 1)
)
def test_an_older_abandonment_stays(answers: Answers) -> None:
    assert answers.recovered("one in time") == [(t(60 + FIRES_AFTER_MIN), RECOVERY_END + 1)]


@STORIES.tell(purchase("early", t(0)), cart("early", t(40)))
def test_an_earlier_purchase_recovers_nothing(answers: Answers) -> None:
    assert answers.fired("early") == [(t(40), t(40 + FIRES_AFTER_MIN))]
    assert answers.recovered("early") == []


@STORIES.tell(cart("both", t(0)), cart("both", t(60)), purchase("both", t(65)))
def test_a_purchase_that_clears_one_cart_recovers_the_one_before(answers: Answers) -> None:
    assert answers.fired("both") == [(t(0), FIRES_AT)]
    assert answers.recovered("both") == [(FIRES_AT, t(65))]


@STORIES.tell(cart("relapse", t(0)), purchase("relapse", t(60)), cart("relapse", t(70)))
def test_an_abandonment_after_a_recovery_is_on_its_own(answers: Answers) -> None:
    assert answers.fired("relapse") == [(t(0), FIRES_AT), (t(70), t(70 + FIRES_AFTER_MIN))]
    assert answers.recovered("relapse") == [(FIRES_AT, t(60))]


# -------------------------------------------------------------------------------------------------- documents


@STORIES.tell(cart("documents", t(0)), purchase("documents", t(60)))
def test_a_recovery_is_a_newer_version_of_the_same_signal(answers: Answers) -> None:
    active, recovered = answers.signals("documents")
    assert active.signal_id == recovered.signal_id
    assert (active.status, active.version) == ("active", FIRES_AT)
    assert (recovered.status, recovered.version) == ("recovered", t(60))
    assert active.occurred_at_ms == recovered.occurred_at_ms == FIRES_AT
    assert active.evidence.items() <= recovered.evidence.items()


def test_every_document_is_what_the_contract_says(answers: Answers) -> None:
    rows = [row for row in answers.rows["signal_documents"] if '"kind":"cart_abandoned"' in row["document"]]
    assert (
        len(rows) == len(answers.rows[CARTS]) + len(list(filter(is_cart, answers.rows[ANSWERED_CARTS]))) > 0
    )
    for row in rows:
        signal = Signal.model_validate_json(row["document"])
        assert signal.to_document() == orjson.loads(row["document"])
        anchor = signal.evidence["last_cart_event_id"]
        expected = signal_id("cart_abandoned", "cart_abandoned", signal.visitor_id, anchor)
        assert signal.signal_id == row["signal_id"] == expected
        assert (row["visitor_id"], row["version"]) == (signal.visitor_id, signal.version)
        assert signal.expires_at_ms - signal.occurred_at_ms == SETTINGS.signal_expires_after_ms


def test_a_signal_says_when_it_was_detected(answers: Answers) -> None:
    detected = [
        signal.detected_at_ms for row in answers.rows[CARTS] for signal in answers.signals(row["visitor_id"])
    ]
    assert max(detected) - min(detected) < 10 * 60_000
    assert min(detected) > t(0) + DAY


CONTEXT = {"device": "mobile", "country": "DE", "nested": {"a": [1, None, "é"]}}


@STORIES.tell(
    cart("context", t(0), context=CONTEXT), purchase("context", t(60), context={"device": "desktop"})
)
def test_the_carts_context_is_carried_through(answers: Answers) -> None:
    assert [signal.context for signal in answers.signals("context")] == [CONTEXT, CONTEXT]


@STORIES.tell(
    cart("moved", t(0), context={"device": "mobile"}), cart("moved", t(1), context={"device": "desktop"})
)
def test_the_context_is_the_last_carts(answers: Answers) -> None:
    assert answers.signals("moved")[0].context == {"device": "desktop"}


@STORIES.tell(cart("sparse", t(0), context={"device": "mobile"}), cart("sparse", t(1)))
def test_a_cart_without_context_keeps_the_one_before(answers: Answers) -> None:
    assert answers.signals("sparse")[0].context == {"device": "mobile"}


GARBAGE: dict[str, Any] = {
    "none": None,
    "a text": "garbage",
    "an array": [1, 2],
    "a number": 5,
    "half": '{"device": "',
}


@pytest.mark.parametrize("visitor", GARBAGE)
@STORIES.tell(*(cart(visitor, t(0), context=garbage) for visitor, garbage in GARBAGE.items()))
def test_a_context_that_is_no_object_is_empty(answers: Answers, visitor: str) -> None:
    assert [signal.context for signal in answers.signals(visitor)] == [{}]


@STORIES.tell(cart("v\"'\\ é😀", t(0)), purchase("v\"'\\ é😀", t(60)))
def test_any_visitor_id_comes_through(answers: Answers) -> None:
    assert [signal.status for signal in answers.signals("v\"'\\ é😀")] == ["active", "recovered"]
