"""What `scripts/why` has the engine find equals the naive oracle; and what guests and devices are told is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from jobs.active_rules import active_rules
from jobs.offline.why.answers import explain
from jobs.offline.why.engine import lived
from jobs.offline.why.facts import OPTIONS, EventTime, Facts, Running
from jobs.offline.why.reading import Tap, admitted
from jobs.settings import Settings
from state.devices.judged import CARRIED
from tests import datasets
from tests.oracle import _histories
from tests.rule_oracle import Answer as Told
from tests.rule_oracle import answers
from tests.words import Document, cart, event, page, purchase, t

RULES = {rule.name: rule for rule in active_rules(Settings())}
NOW = t(60 * 24)
RUNNING = Running("footfall-suite", t(-60), {}, EventTime(t(8), "Window, subtask 1"))


@pytest.mark.parametrize("stream", datasets.STREAMS)
def test_what_is_explained_equals_the_naive_oracle(stream: str) -> None:
    """Over real events, visitor by visitor and rule by rule, as the command does it."""
    datasets.require()
    events = list(datasets.canonical_events(stream, 3_000))
    # The naive oracle knows a cart without what is in it; tests/cart_oracle.py is for that one.
    rules = [rule for rule in RULES.values() if rule.name != "cart_abandoned"]
    found = Counter(answer for answer in _explained(events, rules))
    naive = Counter(answer[:4] for answer in answers(events).elements() if answer[0] != "cart_abandoned")
    assert found == naive


def _explained(events: Iterable[Document], rules: Iterable[Any]) -> Iterator[Told | tuple[Any, ...]]:
    for visitor, history in _histories(events).items():
        known = Facts(visitor, NOW, tuple(history))
        for rule in rules:
            for one in lived(rule, known).signals:
                yield rule.signal_kind, visitor, one["status"], one["occurred_at_ms"]


def test_a_guests_cart_is_shared_with_the_user() -> None:
    """The cart of before the login is the user's: pending for the user, and not for the device any more."""
    login = event("d", "identify", t(5), user_id="v")
    shared = Tap(frozenset(("v", "d")), 0)
    shared.raw = {
        ("raw", 0, number): (t(9), orjson.dumps(one))
        for number, one in enumerate((event("d", "add_to_cart", t(0)), login))
    }
    judged = [one for one in shared.judged(OPTIONS, None) if one.visitor_id == "v"]
    known = Facts(
        "v", t(9), tuple(admitted(judged, OPTIONS)), tuple(one for one in judged if one.role == CARRIED)
    )
    assert [one["event_id"] for one in known.events] == [login["event_id"]]
    (answer,) = explain(RULES["cart_abandoned"], replace(known, running=RUNNING))
    assert (answer.reason, answer.at_ms) == ("pending", t(30))


def test_late_answers_take_back_as_in_the_stream() -> None:
    known = Facts("v", NOW, (cart(t(0)),), late=(purchase(t(10)),))
    found = lived(RULES["cart_abandoned"], known).signals
    assert [one["status"] for one in found] == ["active", "retracted"]


def test_sessions_and_their_events_are_those_of_the_engine() -> None:
    options = OPTIONS.replace(session_gap_ms=60_000)
    life = lived(RULES["bounce"], Facts("v", NOW, (page(t(0)), page(t(1)), page(t(3))), options=options))
    assert [len(one.events) for one in life.stretches] == [2, 1]
    assert [one.lasted_ms for one in life.silences] == [60_000, 120_000]
    assert [one["occurred_at_ms"] for one in life.signals] == [t(4)]
