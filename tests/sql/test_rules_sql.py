"""The shipped rules on the compiled SQL: told scenarios, random streams, and real ones, against the naive oracle."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cli.rules_try import judge
from cli.scenarios import read
from connectors.signals import Signal
from jobs.settings import Settings
from state.rules.pack import SHIPPED, load
from tests import datasets
from tests.rule_copies import write_rule
from tests.rule_oracle import Answer, answers
from tests.sql.tables import Flink
from tests.sql.vocabulary import Document, by_arrival, event, placed, t

SCENARIOS = Path(__file__).parents[1] / "scenarios"
BOUND_MS = Settings().out_of_orderness_ms
SEEDS = range(120)
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


def test_every_scenario_of_the_pack_comes_true(flink: Flink) -> None:
    scenarios = read(SCENARIOS / "pack.yaml")
    number, complaints = judge(scenarios, flink.new_folder(), Settings())
    assert number == 4 * len(scenarios)
    assert [(one.scenario.scenario, one.variant, text) for one, text in complaints] == []


def test_every_rule_of_the_pack_has_its_scenarios() -> None:
    expected = {one.kind for scenario in read(SCENARIOS / "pack.yaml") for one in scenario.expect}
    assert expected == {one.rule.signal_kind for one in load([SHIPPED])}


def test_a_scenario_that_does_not_come_true_is_told(flink: Flink, tmp_path: Path) -> None:
    told = tmp_path / "wrong.yaml"
    told.write_text(
        "scenario: wrong on both counts\n"
        "events: [{at: 0 s, type: page_view}]\n"
        "expect: [{kind: cart_abandoned}]\nnever: [bounce]\n"
    )
    _, complaints = judge(read(told), flink.new_folder(), Settings())
    texts = {text.partition(",")[0] for _, text in complaints}
    assert texts == {
        "missing: cart_abandoned (active) of anna",
        "should not be there: bounce (active) of anna at 30 min",
    }


def found(flink: Flink, events: list[Document], **settings: Any) -> tuple[Counter[Answer], list[Signal]]:
    rows = flink.run(placed(events), ["signal_documents", "events_late"], **settings)
    assert rows["events_late"] == []
    signals = [Signal.model_validate_json(row["document"]) for row in rows["signal_documents"]]
    return Counter(
        (
            one.kind,
            one.visitor_id,
            one.status,
            one.occurred_at_ms,
            one.evidence.get(EVIDENCE.get(one.kind, "")),
        )
        for one in signals
    ), signals


def same(mine: Counter[Answer], theirs: Counter[Answer]) -> None:
    odd = sorted([*(mine - theirs), *(theirs - mine)], key=str)
    assert not odd, f"{len(odd)} differ; SQL {list(mine - theirs)[:5]}; naive {list(theirs - mine)[:5]}"


def shuffled(events: list[Document], seed: int, copies: float = 0.1) -> list[Document]:
    """In order of arrival within the bound, some of them twice."""
    chance = random.Random(seed)
    arrivals = [
        one | {"received_at_ms": one["event_time_ms"] + chance.randint(0, BOUND_MS)}
        for one in events
        for _ in range(2 if chance.random() < copies else 1)
    ]
    return by_arrival(arrivals)


TYPES = (
    "product_view", "product_view", "product_view", "page_view", "product_list_view", "add_to_cart", "add_to_cart",
    "remove_from_cart", "checkout_start", "checkout_step", "purchase", "search", "click", "click", "click",
    "form_start", "form_submit", "video_start", "video_progress", "product_click",
)  # fmt: skip
MINUTE, DAY = 60_000, 86_400_000
STEPS = (1, 200, 600, 2_000, 14_999, 15_000, MINUTE, 10 * MINUTE - 1, 10 * MINUTE, 10 * MINUTE + 1, 30 * MINUTE - 1,
         30 * MINUTE, 30 * MINUTE + 1, DAY, 7 * DAY)  # fmt: skip


def history(seed: int) -> Iterator[Document]:
    """One visitor: mostly quick steps, some exactly at the limits; never two events in one millisecond."""
    chance = random.Random(seed)
    at_ms, likely = t(chance.randint(0, 60)), chance.choice([0.5, 0.8, 0.95])
    kinds = ["click"] if seed % 10 == 0 else chance.sample(TYPES, chance.randint(2, 8))
    for number in range(chance.randint(1, 40)):
        product = {"product_id": chance.choice("pqr"), "category": chance.choice(["a", "b", "c", "it's"])}
        blocks: dict[str, Any] = {"product": product} if chance.random() < 0.8 else {}
        blocks |= {"context": {"path": chance.choice(["/x", "/y"])}} if chance.random() < 0.8 else {}
        kind = chance.choice(kinds)
        if kind == "purchase":
            blocks["order"] = {
                "order_id": f"o{chance.randint(0, 3)}",
                "revenue": chance.choice([50, 150, 199.5]),
            }
        yield event(f"v{seed}", kind, at_ms, sequence=number, **blocks)
        at_ms += chance.choice(STEPS[:7] if chance.random() < likely else STEPS)


@pytest.mark.parametrize("order", ["as it happened", "shuffled and doubled"])
def test_random_histories_equal_the_naive_oracle(flink: Flink, order: str) -> None:
    events = [one for seed in SEEDS for one in history(seed)]
    arrivals = by_arrival(events) if order == "as it happened" else shuffled(events, 1)
    mine, signals = found(flink, arrivals)
    theirs = answers(events)
    same(mine, theirs)
    seen = {kind for kind, *_ in theirs}
    assert seen == {one.rule.signal_kind for one in load([SHIPPED])}, "a rule that no random history touches"
    assert len({(one.signal_id, one.version, one.status) for one in signals}) == len(signals)
    rules = {one.rule.signal_kind: one.rule for one in load([SHIPPED])}
    for one in signals:
        rule = rules[one.kind]
        assert (one.rule and one.rule.name, one.rule and one.rule.version) == (rule.name, rule.version)
        assert one.expires_at_ms - one.occurred_at_ms == rule.expires


MOST = int(os.environ.get("FOOTFALL_REAL_EVENTS", "8000"))  # of each stream; 300000 takes all of them


def test_real_streams_equal_the_naive_oracle(flink: Flink) -> None:
    """All streams in one job: they lie in different years, so each has event time for itself."""
    datasets.require()
    events = [
        {**one, "visitor_id": f"{number}-{one['visitor_id']}"}
        for number, stream in enumerate(datasets.STREAMS)
        for one in islice(datasets.canonical_events(stream), MOST)
    ]
    mine, _ = found(flink, shuffled(events, 2, copies=0.05))
    same(mine, answers(events))


def test_fifty_rules_run_and_do_not_mind_each_other(flink: Flink, tmp_path: Path) -> None:
    """The pack with copies of its rules under other names: each copy says what its original says."""
    originals = load([SHIPPED])
    copies = {
        write_rule(tmp_path, originals[number % len(originals)], f"_{number // len(originals)}")
        for number in range(50)
    }
    events = [one for seed in range(20) for one in history(seed)]
    rows = flink.run(placed(by_arrival(events)), ["signal_documents"], rules_dir=str(tmp_path))
    signals = [Signal.model_validate_json(row["document"]) for row in rows["signal_documents"]]
    told = Counter((one.kind, one.visitor_id, one.status, one.occurred_at_ms) for one in signals)
    wanted = Counter(answer[:4] for answer in answers(events))
    assert len(copies) == 50
    assert told == Counter(
        {
            (copy, *rest): count
            for (kind, *rest), count in wanted.items()
            for copy in copies
            if copy[:-2] == kind
        }
    )
