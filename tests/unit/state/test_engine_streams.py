"""The engine on real and on random streams: equal to the truth and to the naive answers, however it is cut."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from typing import Any

import pytest

from connectors.contracts.sessions import COUNT_NAMES, Session, count_name
from state.options import Options
from tests import datasets, oracle, rule_oracle
from tests.engine_runs import (
    DAY,
    FOREVER,
    HOUR,
    MINUTE,
    Document,
    documents,
    event,
    lines,
    mixed,
    run,
    scorer,
    shipped,
    stream_lines,
    verdicts,
    written,
)

SMALL = [name for name in datasets.STREAMS if not name.startswith("ga360")]
GAP, RECOVERY = FOREVER.session_gap_ms, FOREVER.cart_recovery_ms
TYPES = (
    "page_view",
    "add_to_cart",
    "add_to_cart",
    "purchase",
    "remove_from_cart",
    "checkout_start",
    "custom:x",
)


def sessions(found: list[Document]) -> set[tuple[str, int, int, int]]:
    return {(one["visitor_id"], one["started_at_ms"], one["ended_at_ms"], one["events"]) for one in found}


def signals(found: list[Document]) -> Counter[tuple[str, str, str, int]]:
    return Counter(
        (one["kind"], one["visitor_id"], one["status"], one["occurred_at_ms"])
        for one in found
        if "rule" in one
    )


def wanted_signals(events: list[Document]) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for (kind, visitor, status, at, _), times in rule_oracle.answers(events).items():
        found[kind, visitor, status, at] += times
    return found


def taken(stream: str, visitor: str) -> bool:
    """Of the large stream one visitor in eight; all of it is a replay of the cluster's level."""
    return stream in SMALL or zlib.crc32(visitor.encode()) % 8 == 0


@pytest.mark.parametrize("stream", datasets.STREAMS)
def test_sessions_and_signals_are_those_of_the_truth(stream: str) -> None:
    events = [one for one in datasets.canonical_events(stream) if taken(stream, one["visitor_id"])]
    out = run(mixed(lines(events), seed=3), live=1_000)
    found, truth = documents(out, "session"), datasets.truth_sessions(stream)
    assert sessions(found) == {one for one in truth if taken(stream, one[0])}
    assert len(found) == len(sessions(found)) > 100
    assert signals(documents(out, "signal")) == wanted_signals(events)
    assert verdicts(out) == {"valid": len(events), "duplicate": len(events) // 10}


@pytest.mark.parametrize("stream", SMALL)
def test_neither_the_slices_nor_the_order_nor_what_is_in_memory_change_anything(stream: str) -> None:
    values = stream_lines(stream, 1_500)
    whole = written(run(values, HOUR, scorer=scorer()))
    assert {kind for kind, *_ in whole} >= {
        "valid",
        "session",
        "signal",
        "visitor",
        "features",
        "score",
        "shadow",
    }
    assert written(run(values, MINUTE, scorer=scorer(), buckets=3)) == whole
    for slice_ms in (50, 1_000):
        assert written(run(mixed(values, slice_ms), slice_ms, scorer=scorer(), live=0)) == whole


def _random_stream(seed: int) -> list[Document]:
    """Events of a few visitors that like the edges: gaps at the limits, give or take a millisecond, and ties."""
    chance = random.Random(seed)
    found = []
    for visitor in "abc"[: chance.randint(1, 3)]:
        at, sequence = chance.randrange(DAY), 0
        for _ in range(chance.randint(1, 25)):
            product = {"product_id": chance.choice("pq"), "category": chance.choice("xyz"), "price": 9.5}
            found.append(event(visitor, chance.choice(TYPES), at, sequence=sequence, product=product))
            step = _step(chance)
            at, sequence = at + step, sequence + 1 if step == 0 else 0
    return found


def _step(chance: random.Random) -> int:
    if chance.random() < 0.5:
        return chance.choice((GAP, RECOVERY, GAP + RECOVERY, MINUTE)) + chance.randint(-1, 1)
    return chance.choice((0, 0, 1, MINUTE, 10 * MINUTE, 3 * HOUR))


@pytest.mark.parametrize("seed", range(60))
def test_random_streams_are_as_the_naive_answers_have_them(seed: int) -> None:
    events = _random_stream(seed)
    limits = {"session_max_ms": 2 * HOUR, "session_max_events": 4} if seed % 3 == 0 else {}
    options = Options(bounded=True, **limits)
    values = mixed(lines(events), seed)
    out = run(
        values,
        random.Random(seed).choice((50, 1_000, MINUTE, HOUR, DAY)),
        options=options,
        scorer=scorer(),
        live=0,
    )
    oracle_limits = {"max_ms": options.session_max_ms, "max_events": options.session_max_events}
    parts = list(oracle.session_parts(events, **oracle_limits))
    wanted = {
        (one.visitor_id, one.events[0]["event_time_ms"], one.events[-1]["event_time_ms"], len(one.events))
        for one in parts
    }
    assert sessions(documents(out, "session")) == wanted
    if not limits:
        assert signals(documents(out, "signal")) == wanted_signals(events)
    assert written(run(values, 50, options=options, scorer=scorer())) == written(out)


@pytest.mark.parametrize(("gap", "wanted"), [(GAP - 1, 1), (GAP, 1), (GAP + 1, 2)])
def test_a_gap_of_exactly_the_gap_does_not_end_a_session(gap: int, wanted: int) -> None:
    events = [event("v", "page_view", at) for at in (0, gap)]
    for slice_ms in (1, 50, MINUTE, HOUR):
        assert len(documents(run(lines(events), slice_ms), "session")) == wanted


@pytest.mark.parametrize(("after", "wanted"), [(GAP - 1, []), (GAP, []), (GAP + 1, ["active", "recovered"])])
def test_a_purchase_at_the_very_end_of_the_wait_is_in_time(after: int, wanted: list[str]) -> None:
    events = [event("v", "add_to_cart", 0), event("v", "purchase", after)]
    for slice_ms in (1, 50, MINUTE, HOUR):
        found = documents(run(lines(events), slice_ms), "signal")
        assert [one["status"] for one in found if one["kind"] == "cart_abandoned"] == wanted


def test_a_session_document_has_what_the_contract_wants() -> None:
    events = [
        event("v", kind, at) for at, kind in enumerate(("page_view", "custom:a", "custom:b", "purchase"))
    ]
    (found,) = documents(run(lines(events)), "session")
    assert Session.model_validate(found).to_document() == found
    wanted = Counter(count_name(one["event_type"]) for one in events)
    assert found["counts"] == {name: wanted[name] for name in COUNT_NAMES}


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        (Options(session_max_events=2), ["max_events", "max_events", "gap"]),
        (Options(session_max_ms=2 * MINUTE), ["max_duration", "max_duration", "gap"]),
        (Options(), ["gap"]),
    ],
)
def test_a_session_that_does_not_end_is_closed_by_force(options: Options, reasons: list[str]) -> None:
    events = [event("v", "page_view", index * MINUTE) for index in range(5)]
    found = documents(run(lines(events), options=options), "session")
    assert [one["close_reason"] for one in found][: len(reasons) - 1] == reasons[:-1]
    assert sum(one["events"] for one in found) == len(events)


def test_a_pack_may_be_left_out() -> None:
    out = run(lines([event("v", "page_view", 0)]), pack=None)
    assert documents(out, "signal") == []
    assert documents(run(lines([event("v", "page_view", 0)]), pack=shipped()), "signal")
