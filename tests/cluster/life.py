"""A job that lives through a few days of a real stream, and what has been sent to it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from kafka.errors import KafkaError

from connectors.contracts import topics
from connectors.kafka.client import administrator
from jobs.offline.ledger import Window, read_ledger, read_letters
from stack.runs.deploy import Deployment
from stack.runs.feed import Feeder
from tests import datasets
from tests.cluster import expected
from tests.cluster.conftest import Deployer, wait_until

STREAM = "ga360_20160801_20160814"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MORNING = 1_470_034_800_000  # of the stream's first day
EVENTS, PER_SECOND = 2_400, 1_500  # of each day; so many are sent in a second
_DEADLINE_S = 120.0
Document = dict[str, Any]


def day(number: int) -> list[Document]:
    """The first events of a day of the stream, some hours of it."""
    begins = pl.col("event_time_ms") >= MORNING + number * DAY_MS
    found = datasets.frame(STREAM).filter(begins).sort("event_time_ms", maintain_order=True).head(EVENTS)
    return [datasets.STREAMS[STREAM].convert(row) for row in found.iter_rows()]


class Life:
    """A job of the suite, restarted and restored as a test likes."""

    def __init__(self, deploy: Deployer, lake: Path) -> None:
        """Starts it with two workers, state on the heap, and models."""
        # Event time goes as the slowest partition goes: nothing is late, however long a part is away.
        self._deploy, self.lake = deploy, lake
        self.deployment = deploy(scoring=True, parallelism=2, slice_ms=1_000, idle_timeout_ms=0)
        self.flink = self.deployment.stack.flink
        self.feeder, self.events = Feeder(self.deployment.kafka_properties), 0
        self.job, self.now_ms, self._names = "", 0, count()
        self._run(self.deployment, None, ())

    def restore(self, flags: Iterable[str] = (), **settings: Any) -> None:
        """Stops the job with a savepoint, and starts it from there with other settings and flags."""
        savepoint = self.flink.savepoint(self.job, stop=True)
        self._run(self._deploy.beside(self.deployment.settings.replace(**settings)), savepoint, flags)

    def _run(self, deployment: Deployment, savepoint: str | None, flags: Iterable[str]) -> None:
        self.deployment = deployment
        self.job = deployment.submit(from_savepoint=savepoint, flags=flags)
        self.flink.wait_tasks_running(self.job, _DEADLINE_S)

    def feed(self, events: list[Document]) -> None:
        """Sends events at an even pace, and then brings time to the last of them."""
        began = time.monotonic()
        for number, event in enumerate(events):
            if (ahead := number / PER_SECOND - (time.monotonic() - began)) > 0.02:
                time.sleep(ahead)
            at_ms = event["event_time_ms"]
            self.feeder.send(orjson.dumps(event), event["visitor_id"], timestamp_ms=at_ms)
        self.events += len(events)
        self.pass_to(events[-1]["event_time_ms"])

    def pass_to(self, at_ms: int) -> None:
        """Event time goes on."""
        self.now_ms = at_ms
        self.feeder.heartbeat(at_ms, f"beat-{next(self._names)}", at_ms)
        self.feeder.flush()

    def wait_until_safe(self) -> None:
        """Until a checkpoint covers everything that was sent: with it Flink tells the broker how far it has read."""
        wait_until(
            lambda: self._committed() >= self.feeder.written, _DEADLINE_S, "a checkpoint of all that was sent"
        )

    def _committed(self) -> int:
        with administrator(self.deployment.kafka_properties) as admin:
            try:
                found = admin.list_group_offsets("footfall-suite")["footfall-suite"]
            except KafkaError:  # a young broker has not found its offsets yet
                return 0
        raw = topics.EVENTS_RAW.name
        return sum(max(0, at.offset) for partition, at in found.items() if partition.topic == raw)

    def has_open_waits(self) -> bool:
        """Whether a cart that was filled before now is abandoned, or paid for, later."""
        carts = [
            one
            for one in self.expected(self.now_ms + HOUR_MS)["signal"].values()
            if one["kind"] == "cart_abandoned"
        ]
        return any(
            one["occurred_at_ms"] - HOUR_MS // 2 < self.now_ms < one["occurred_at_ms"] for one in carts
        )

    def expected(self, until_ms: int) -> dict[str, expected.ById]:
        """What the index should hold when event time has come so far."""
        return expected.newest(
            expected.up_to(expected.messages(self.deployment), self.deployment.settings, until_ms).documents
        )

    def end_of_day(self) -> None:
        """All waits and sessions of the day end; the index then holds what nobody's disturbance would change."""
        self.pass_to(self.now_ms + DAY_MS + HOUR_MS)
        wanted = self._compared(self.expected(self.now_ms))
        found: dict[str, expected.ById] = {}

        def is_there() -> bool:
            found.update(self._compared(expected.indexed(self.deployment)))
            return found == wanted

        try:
            wait_until(is_there, _DEADLINE_S, "the documents of an undisturbed run")
        except AssertionError:
            assert expected.differences(found, wanted)[:20] == []
            raise
        total = self._balanced()
        assert (total.valid, total.late, total.rejected) == (self.events, 0, {})

    def _compared(self, found: dict[str, expected.ById]) -> dict[str, expected.ById]:
        """All; where no model scores any longer, what no model has said."""
        if self.deployment.settings.scoring:
            return found
        signals = {key: one for key, one in found["signal"].items() if "rule" in one}
        return {"session": found["session"], "alias": found["alias"], "signal": signals}

    def _balanced(self) -> Window:
        kafka = self.deployment.kafka_properties
        wait_until(lambda: read_ledger(kafka, read_letters(kafka)).balanced, 60, "the ledger balances")
        return read_ledger(kafka, read_letters(kafka)).total()
