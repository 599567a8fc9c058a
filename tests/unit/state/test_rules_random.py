"""Random streams: every rule of the pack, and others that use the rest of the language, against naive answers."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.contracts.signals import signal_id
from state.rules.language.loading import SHIPPED, load
from state.rules.pack import Pack
from tests import cart_oracle, datasets, oracle
from tests.evaluation.evaluate import evaluate
from tests.evaluation.histories import History, Spans
from tests.random_histories import RULES, history, priced_history
from tests.random_streams import stream
from tests.rule_oracle import Answer, answers
from tests.rule_stories import (
    OPTIONS,
    PLAIN_CART,
    WAYS,
    Signal,
    Way,
    pack,
    plain_cart,
    shipped,
    signals,
    signals_with_late,
)
from tests.words import DAY, HOUR, Document, event

SEEDS = range(160)
SHIPPED_RULES = [one.rule for one in load([SHIPPED])]
MAX_EVENTS = 12  # so that sessions are cut for their size, too
# What hangs on an occurrence, by what the naive oracle says of it.
EVIDENCE = {
    "category_interest": "category",
    "product_revisit": "product_id",
    "rage_clicks": "path",
    "price_hesitation": "product_id",
    "funnel_step": "reached",
    "cart_abandoned": "last_cart_event_id",
    "suggestions_paused": "category",
}


@pytest.fixture(scope="module")
def shipped_pack() -> Pack:
    return pack(*SHIPPED_RULES)


def counted(found: list[Signal]) -> Counter[Answer]:
    """The signals as the naive oracle says them."""
    return Counter(
        (one["kind"], one["visitor_id"], one["status"], one["occurred_at_ms"], one["evidence"].get(EVIDENCE.get(one["kind"], "")))
        for one in found
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pack_equals_the_naive_oracle(shipped_pack: Pack, seed: int) -> None:
    events = list(history(seed))
    found = signals(shipped_pack, events, WAYS[seed % len(WAYS)])
    assert counted(found) == answers(events)
    assert len({(one["signal_id"], one["version"], one["status"]) for one in found}) == len(found)


def test_the_random_histories_touch_every_rule() -> None:
    touched = {kind for seed in SEEDS for kind, *_ in answers(list(history(seed)))}
    assert touched == {rule.signal_kind for rule in SHIPPED_RULES}


@pytest.mark.parametrize("seed", SEEDS)
def test_streams_that_like_the_edges_equal_the_naive_oracle(shipped_pack: Pack, seed: int) -> None:
    """Gaps at the limits, several events in a millisecond, copies."""
    events = stream(seed)
    found = signals(shipped_pack, events, WAYS[seed % len(WAYS)])
    assert counted(found) == answers(events)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_plain_cart_equals_the_oracle_of_abandonments(seed: int) -> None:
    events = stream(seed)
    found = signals([plain_cart()], events, WAYS[seed % len(WAYS)])
    mine = {
        (one["visitor_id"], one["evidence"]["last_cart_event_id"], one["evidence"].get("purchase_at_ms"))
        for one in found
    }
    expected = set()
    for one in oracle.abandonments(events):
        expected.add((one.visitor_id, one.last_cart_event_id, None))
        if one.recovered_at_ms is not None:
            expected.add((one.visitor_id, one.last_cart_event_id, one.recovered_at_ms))
    assert mine == expected


# -------------------------------------------------------------------------- the language, to the last word


@pytest.fixture(scope="module")
def every_rule(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The shipped rules, with the plain cart, and rules that use the rest of the language."""
    folder = tmp_path_factory.mktemp("rules")
    for number, rule in enumerate(RULES.split("---")):
        head = f"name: other_{number}\nversion: {number + 2}\ndescription: Another use of the language.\n"
        (folder / f"other_{number}.yaml").write_text(head + rule)
    files = [path for path in SHIPPED.glob("*.yaml") if path.stem != "cart_abandoned"]
    return [one.rule for one in load([folder, *files, PLAIN_CART])]


def late_answers(events: list[Document]) -> list[Document]:
    """A purchase behind the watermark, a minute after each third thing that a rule waits for."""
    begun = [one for one in events if one["event_type"] in ("add_to_cart", "checkout_start", "form_start")]
    return [
        event(one["visitor_id"], "purchase", one["event_time_ms"] + 60_000, sequence=999)
        for one in begun[::3]
    ]


def evaluated(
    rules: list[Any], visitor: str, events: list[Document], late: list[Document]
) -> Iterator[Signal]:
    lived = History(visitor, events, Spans(max_events=MAX_EVENTS))
    for rule in rules:
        for one in evaluate(rule, lived, late):
            yield {
                "signal_id": signal_id(rule.signal_kind, rule.name, visitor, one.anchor),
                "kind": rule.signal_kind, "occurred_at_ms": one.occurred_at_ms, "version": one.version,
                "status": one.status, "session_id": one.session_id, "evidence": one.evidence,
            }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_agrees_with_the_evaluation_of_a_history(
    every_rule: list[Any], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.rule_stories.OPTIONS", _cut_at(MAX_EVENTS))
    events = list(priced_history(seed))
    late, last = late_answers(events), max(one["event_time_ms"] for one in events)
    # Before anything pending has fired, in the middle, or when all is over.
    comes = (0, events[len(events) // 2]["event_time_ms"], last + 40 * DAY)[seed % 3]
    way = WAYS[seed % 2] if seed % 4 < 3 else Way("an hour", lambda all_: all_[::-1], HOUR, 0)
    found = signals_with_late(
        every_rule, events, [(max(comes, one["event_time_ms"]), one) for one in late], way
    )
    expected = list(evaluated(every_rule, f"v{seed}", events, late))
    mine = [{name: one.get(name) for name in expected[0]} for one in found] if expected else found
    assert sorted(map(canonical, mine)) == sorted(map(canonical, expected))


def canonical(one: Signal) -> bytes:
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS)


def _cut_at(most: int) -> Any:
    return OPTIONS.replace(session_max_events=most)


def test_fifty_rules_do_not_mind_each_other() -> None:
    """Copies of the pack's rules under other names: each says what its original says."""
    copies = [
        SHIPPED_RULES[number % 16].model_copy(
            update={"name": f"{SHIPPED_RULES[number % 16].name}_{number // 16}"}
        )
        for number in range(50)
    ]
    events = [one for seed in range(20) for one in history(seed)]
    found = Counter(
        (one["kind"], one["visitor_id"], one["status"], one["occurred_at_ms"])
        for one in signals(copies, events)
    )
    wanted = Counter(answer[:4] for answer in answers(events))
    assert found == Counter(
        {
            (copy.name, *rest): count
            for (kind, *rest), count in wanted.items()
            for copy in copies
            if copy.name.rpartition("_")[0] == kind
        }
    )


# -------------------------------------------------------------------------------------------- real streams


MOST = int(os.environ.get("FOOTFALL_REAL_EVENTS", "20000"))  # of each stream; 300000 takes all of them


@pytest.mark.parametrize("name", datasets.STREAMS)
def test_real_streams_equal_the_naive_oracle(shipped_pack: Pack, name: str) -> None:
    datasets.require()
    events = list(datasets.canonical_events(name, MOST))
    random.Random(name).shuffle(events)
    assert counted(signals(shipped_pack, events, Way("as it came", list, HOUR, 0))) == answers(events)


@pytest.mark.parametrize(
    ("name", "carts"),
    [
        ("ga360_20160801_20160814", 1_984), ("taobao_114users", 298), ("taobao_wide_15min", 557),
        ("rees46_0000_0214", 1), ("retailrocket_sample", 143),
    ],
)  # fmt: skip
def test_all_abandoned_carts_of_the_real_streams(name: str, carts: int) -> None:
    """The plain definition gives the truth; with the carts' content it is fewer where something is taken out."""
    datasets.require()
    moves = [one for one in datasets.canonical_events(name) if one["event_type"] in cart_oracle.TYPES]
    random.Random(name).shuffle(moves)
    both = [plain_cart(), shipped("cart_abandoned")]
    found = [one for one in signals(both, moves, Way("days", list, DAY, 0)) if one["status"] == "active"]
    plain = {
        (one["visitor_id"], one["evidence"]["last_cart_at_ms"], one["occurred_at_ms"])
        for one in found
        if one["kind"] == "cart_abandoned_plain"
    }
    assert plain == datasets.truth_abandonments(name)
    mine = [
        (
            one["visitor_id"],
            one["occurred_at_ms"],
            one["evidence"]["cart_events"],
            one["evidence"].get("value"),
        )
        for one in found
        if one["kind"] == "cart_abandoned"
    ]
    naive = [
        (one.visitor_id, one.fires_at_ms, one.cart_events, one.value)
        for one in cart_oracle.abandonments(moves)
    ]
    assert sorted(mine, key=str) == sorted(naive, key=str)
    assert len(mine) == carts


def test_the_plain_cart_lies_beside_the_tests() -> None:
    assert Path(PLAIN_CART).stem == plain_cart().name == "cart_abandoned_plain"
