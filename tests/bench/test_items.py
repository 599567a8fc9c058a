"""RECOMMENDATIONS: processor time of an event in a plain loop, bytes of a pair, and the rate of the job alone.

FOOTFALL_BENCH_COPIES sizes the stream. Nothing but bytes and answers is asserted: rates depend on the machine.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from connectors.contracts import topics
from connectors.elasticsearch import indices
from stack.runs.feed import Feeder
from stack.runs.gate import Gate
from state.devices.judged import bucket_of
from state.items.options import ItemOptions
from tests.bench import engine_run, figures, workload
from tests.bench.item_run import BUCKETS, Loop, Spent
from tests.bench.stack_runs import Stack, fresh_stack

COPIES = figures.number("COPIES", 2)
MOST_BYTES = 200  # of a pair in the state, its share of the item included


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> workload.Work:
    engine_run.calm_collector()
    return workload.make(tmp_path_factory.mktemp("bench"), COPIES)


def test_the_job_alone(work: workload.Work, tmp_path: Path) -> None:
    """Valid events in their topic, the job over them to its end, on a stack of its own; cold, then warm."""
    with fresh_stack(tmp_path / "stack") as stack:
        rates = [run(stack, work) for _ in range(2)]
        items = stack.indexed(indices.ITEMS.alias)
    rows = [[name, f"{rate:,.0f}"] for name, rate in zip(("cold", "warm"), rates, strict=True)]
    figures.show(f"{work.events:,} events, {items:,} items", ["", "events/s"], rows)
    figures.write("items_job", source=work.source, events=work.events, events_per_second=rates, items=items)
    names = {orjson.loads(one).get("product", {}).get("product_id") for one in work.messages()}
    assert items == len(names - {None})


def run(stack: Stack, work: workload.Work) -> float:
    """Events a second, from the first event to the end; start-up is not work."""
    deployment, flink = stack.deployment, stack.flink
    stack.empty()
    gate = Gate(deployment.kafka_properties, topics.EVENTS_VALID)
    feeder = Feeder(deployment.kafka_properties, topics.EVENTS_VALID, taken=1)
    for message in work.messages():
        feeder.send(message, orjson.loads(message)["visitor_id"])
    feeder.flush()
    job = stack.submit("jobs.recommendations")
    flink.wait_tasks_running(job, 300)
    opened = gate.open()
    assert opened is not None, "the gate did not hold until the job ran: feed less"
    flink.wait_job(job, {"FINISHED"}, 1_800)
    return work.events / (flink.ended_at_ms(job) / 1000 - opened)


def test_the_logics_alone(work: workload.Work) -> None:
    """In slices of an hour, as a replay has them."""
    spent = alone(work)
    found = {
        "us an event": spent.each_us,
        "PAIRS": spent.pairs_s / spent.events * 1e6,
        "ITEMS": spent.items_s / spent.events * 1e6,
        "events/s of a core": 1e6 / spent.each_us,
        "pairs": spent.pairs,
        "bytes a pair": spent.state_bytes / spent.pairs,
    }
    figures.show(
        f"{work.events:,} events", ["", ""], [[name, f"{value:,.1f}"] for name, value in found.items()]
    )
    figures.write("items", source=work.source, events=work.events, figures=found)
    assert found["bytes a pair"] < MOST_BYTES


def alone(work: workload.Work) -> Spent:
    messages = list(work.messages())
    buckets = {one: bucket_of(orjson.loads(one)["visitor_id"], BUCKETS) for one in messages}
    options = ItemOptions(bounded=True, slice_ms=engine_run.HOUR_MS)
    return Loop(options).run(engine_run.cut(messages, engine_run.HOUR_MS), buckets)
