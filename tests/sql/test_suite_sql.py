"""The suite over a file of messages says what the engine says without Flink, however it is cut and spread."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator

import orjson
import pytest

from state.logic import Out, SourcePosition
from tests import datasets, random_streams
from tests.engine_runs import scorer
from tests.sql.engine import answered, counted, counted_by, plain
from tests.sql.tables import RAW_TOPIC, Answers, Flink, Message
from tests.words import Document
from udfs.logics import MakeVisitors

STREAMS = ("taobao_wide_15min", "rees46_0000_0214")  # one lies years before the other
SEEDS = range(60)
LATEST_MS, DOUBLES, PARTITIONS = 1_500, 0.05, 4
# How the work is cut and spread: slices of so many milliseconds, over so many workers, with or without models.
WAYS = [
    pytest.param({"slice_ms": 1_000, "parallelism": 1}, id="a second, one worker"),
    pytest.param({"slice_ms": 50, "parallelism": 2}, id="50 ms, two workers"),
    pytest.param({"slice_ms": 60_000, "parallelism": 4}, id="a minute, four workers"),
    pytest.param(
        {"slice_ms": 60_000, "parallelism": 2, "visitors_in_memory": 20, "buckets": 7}, id="little memory"
    ),
    pytest.param({"slice_ms": 1_000, "parallelism": 2, "scoring": True}, id="with models"),
]


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    """Two real streams, each event up to a second and a half late and one in twenty twice, and random ones."""
    datasets.require()
    found = [one for stream in STREAMS for one in arrivals(datasets.canonical_events(stream))]
    made = (event for seed in SEEDS for event in random_streams.stream(seed))
    return in_partitions(found + [(event["received_at_ms"], event) for event in made])


def arrivals(events: Iterable[Document]) -> Iterable[tuple[int, Document]]:
    """The events with the times at which they come in."""
    chance = random.Random(5)
    for event in events:
        for _ in range(1 + (chance.random() < DOUBLES)):
            yield event["event_time_ms"] + chance.randint(0, LATEST_MS), event


def in_partitions(found: list[tuple[int, Document]]) -> list[Message]:
    """In the order of arrival, spread over the topic's partitions."""
    offsets: Counter[int] = Counter()
    messages = []
    for number, (at, event) in enumerate(sorted(found, key=lambda one: one[0])):
        partition = number % PARTITIONS
        position = SourcePosition(RAW_TOPIC, partition, offsets[partition], at)
        offsets[partition] += 1
        messages.append(Message(orjson.dumps(event), position))
    return messages


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    """Patches that last for the module: the workers are threads of this process."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=WAYS)
def ways(
    request: pytest.FixtureRequest, flink: Flink, messages: list[Message], patched: pytest.MonkeyPatch
) -> tuple[Answers, Out]:
    """What the suite says, and what the engine says."""
    # A real model's last digit depends on how many are asked at once.
    patched.setattr(MakeVisitors, "_scorer", lambda make, group: scorer())
    return flink.suite(messages, **request.param), answered(messages, **request.param)


def test_every_document_is_the_engines(ways: tuple[Answers, Out]) -> None:
    suite, engine = ways
    found, wanted = plain(suite.documents), plain(engine.documents)
    assert Counter(document.kind for document in suite.documents)["session"] > 1_000
    assert found - wanted == wanted - found == Counter()


def test_every_count_is_the_engines(ways: tuple[Answers, Out]) -> None:
    suite, engine = ways
    assert counted(suite.verdicts) == counted_by(engine)


def test_the_ledger_accounts_for_every_message(ways: tuple[Answers, Out], messages: list[Message]) -> None:
    suite, _ = ways
    read = Counter(
        (one.position.partition, one.position.timestamp_ms // 300_000 * 300_000) for one in messages
    )
    found = Counter[tuple[int, int]]()
    for row in suite.ledger:
        found[row["source_partition"], row["arrived_in_ms"]] += row["events"]
    assert found == read
    assert {row["verdict"] for row in suite.ledger} == {"valid", "duplicate"}
