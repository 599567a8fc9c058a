"""What the whole suite remembers of a visitor, weighed in savepoints: a bot's day, then a crowd.

Each visitor looks at a product and puts it into a cart, all of them within twenty minutes: every session, wait and
count is open at once. Then the carts are abandoned, the sessions over and the recovery times past: what is left is what
Footfall remembers of somebody who left. With CI=true they are few. FOOTFALL_STATE_VISITORS sizes it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from rich.console import Console
from rich.table import Table

from cli.assignments import arguments
from cli.deploy import Deployment
from cli.feed import Feeder
from cli.package import pack
from jobs.settings import Settings
from stack.embedded import EmbeddedStack
from tests.bench.cluster import add_bench_jobs
from tests.cluster.conftest import wait_until

SMALL = os.environ.get("CI", "").lower() == "true"
VISITORS = int(os.environ.get("FOOTFALL_STATE_VISITORS", "20000" if SMALL else "100000"))
BOT_EVENTS = (
    Settings().bot_events_per_day
)  # more of a visitor in a day are held back before anything remembers them
DEADLINE_S = max(1_200, VISITORS // 250)
BACKEND = os.environ.get("FOOTFALL_STATE_BACKEND", "hashmap")
MEMORY = os.environ.get("FOOTFALL_STATE_MEMORY", "3g" if SMALL else "12g")
T0 = 1_700_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
OPEN_MS, OVER_MS = 20 * MINUTE, 30 * HOUR
Sizes = dict[str, int]
# Measured with everything open, and half as much again; what is left must not be more.
MOST_OPEN_BYTES, MOST_LEFT_BYTES = 12_000, 12_000


@dataclass
class Weighed:
    """Bytes of state of each task of the job, by stage."""

    stages: dict[str, Sizes]

    def each(self, stage: str, before: str, visitors: int) -> float:
        """Bytes a visitor that came between two stages."""
        return (sum(self.stages[stage].values()) - sum(self.stages[before].values())) / visitors


class Job:
    """The suite, fed through Kafka and weighed by savepoints."""

    def __init__(self, stack: EmbeddedStack, folder: Path) -> None:
        settings = Settings()
        self._deployment = Deployment(stack, settings, folder)
        self._deployment.prepare()
        self._feeder = Feeder(self._deployment.kafka_properties)
        package = folder / "bench.zip"
        add_bench_jobs(pack(package))
        self._flink, self._weighed, self._beats = stack.flink, 0, 0
        told = arguments(self._deployment.settings)
        self._id = self._flink.run("benchjobs.suite_forgetting", package, told)
        self._flink.wait_tasks_running(self._id, 300)

    def weigh(self, events: Iterator[dict[str, Any]], now_ms: int) -> Sizes:
        """Feeds the events, waits until event time has come to `now_ms`, and writes a savepoint."""
        for event in events:
            value = {"schema": "event/1", **event}
            self._feeder.send(orjson.dumps(value), event["visitor_id"], timestamp_ms=event["event_time_ms"])
        wait_until(lambda: self._has_come_to(now_ms), DEADLINE_S, f"event time at {now_ms}")
        self._flink.savepoint(self._id, stop=False, deadline_s=DEADLINE_S)
        return self._sizes()

    def _has_come_to(self, now_ms: int) -> bool:
        # Beat after beat: a watermark that a Python operator holds back for its batch is lost when the source falls
        # silent meanwhile, and only the next one brings event time on.
        self._beats += 1
        at_ms = now_ms + self._beats
        self._feeder.heartbeat(at_ms, f"at {at_ms}", at_ms)
        self._feeder.flush()
        return self._event_time_ms() >= now_ms - 10_000

    def _event_time_ms(self) -> int:
        return self._flink.event_time(self._id)[0] or 0

    def _sizes(self) -> Sizes:
        url = f"{self._flink.rest_url}/jobs/{self._id}"
        wait_until(lambda: bool(self._savepoint(url)), 60, "the savepoint in the list of checkpoints")
        self._weighed = self._savepoint(url)
        tasks = requests.get(f"{url}/checkpoints/details/{self._weighed}", timeout=30).json()["tasks"]
        names = {one["id"]: one["name"] for one in requests.get(url, timeout=30).json()["vertices"]}
        return {f"{names[key]} {key[:4]}": int(task["state_size"]) for key, task in tasks.items()}

    def _savepoint(self, url: str) -> int:
        found = requests.get(f"{url}/checkpoints", timeout=30).json()["history"]
        done = [one["id"] for one in found if one["is_savepoint"] and one["status"] == "COMPLETED"]
        return max((one for one in done if one > self._weighed), default=0)


def bot(started_ms: int) -> Iterator[dict[str, Any]]:
    """One visitor for a day without a gap."""
    for number in range(BOT_EVENTS):
        yield {
            "event_id": f"bot-{number}", "event_type": "product_view", "visitor_id": "bot",
            "event_time_ms": started_ms + number * 24 * HOUR // BOT_EVENTS,
            "product": {"product_id": str(number % 500), "category": str(number % 20)}, "context": {"path": "/p"},
        }  # fmt: skip


def crowd(started_ms: int, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Of everybody within OPEN_MS those of these numbers, in order of time."""
    for number in range(first, last):
        at_ms, visitor = started_ms + number * OPEN_MS // VISITORS, f"a-{number:08}-visitor"
        product = {
            "product_id": f"p-{number % 5_000}",
            "category": f"c-{number % 40}",
            "price": 19.99,
            "quantity": 1,
        }
        rest = {"visitor_id": visitor, "product": product, "context": {"device": "mobile", "country": "DE"}}
        yield {"event_id": f"v-{number}", "event_type": "product_view", "event_time_ms": at_ms, **rest}
        yield {"event_id": f"c-{number}", "event_type": "add_to_cart", "event_time_ms": at_ms + 1_000, **rest}


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weighed]:
    folder = tmp_path_factory.mktemp("state")
    console = Console(stderr=True)
    # Savepoints weigh, in one format whatever the backend; checkpoints in between would only slow it down.
    overrides = {"execution.checkpointing.interval": "6 h", "taskmanager.memory.process.size": MEMORY}
    if BACKEND == "rocksdb":  # its caches are managed memory
        overrides["taskmanager.memory.managed.size"] = f"{int(MEMORY.rstrip('g')) // 2}g"
    with EmbeddedStack(
        folder / "stack", console=console, state_backend=BACKEND, flink_overrides=overrides
    ) as stack:
        job, stages = Job(stack, folder), {}
        day, began = T0 + 24 * HOUR, T0 + 24 * HOUR + OVER_MS + MINUTE
        nobody, few = crowd(began, 0, 0), VISITORS // 10
        for stage, events, now_ms in (
            ("empty", nobody, T0),
            ("bot", bot(T0), day),
            ("bot gone", nobody, day + OVER_MS),
            ("a tenth", crowd(began, 0, few), began + few * OPEN_MS // VISITORS),
            ("open", crowd(began, few, VISITORS), began + OPEN_MS + 5_000),
            ("left", nobody, began + OVER_MS),
        ):
            stages[stage] = job.weigh(events, now_ms)
            console.print(f"{time.strftime('%X')} {stage}: {sum(stages[stage].values()):,} bytes")
        found = Weighed(stages)
        _show(console, found)
        yield found


def _show(console: Console, found: Weighed) -> None:
    table = Table(*("task", *found.stages), box=None)
    names = sorted(found.stages["open"], key=lambda name: -found.stages["open"][name])
    for name in names[:25]:
        table.add_row(name[:70], *(f"{sizes.get(name, 0):,}" for sizes in found.stages.values()))
    table.add_row("all", *(f"{sum(sizes.values()):,}" for sizes in found.stages.values()))
    console.print(table)
    for stage, visitors in (("a tenth", VISITORS // 10), ("open", VISITORS), ("left", VISITORS)):
        each = found.each(stage, "bot gone", visitors)
        console.print(f"{stage}: {each:,.0f} bytes a visitor ({visitors:,})")
    console.print(json.dumps(found.stages))


def test_a_bots_day_is_forgotten_but_for_its_event_ids(weighed: Weighed) -> None:
    """Sessions are cut at 5,000 events and after a day, and more are not let in."""
    assert weighed.each("bot", "empty", BOT_EVENTS) < 1_000


def test_a_crowd_keeps_so_much_each(weighed: Weighed) -> None:
    assert weighed.each("open", "bot gone", VISITORS) < MOST_OPEN_BYTES
    assert weighed.each("left", "bot gone", VISITORS) < MOST_LEFT_BYTES
