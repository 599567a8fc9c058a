"""Versions of a model are swapped under load: each moment scored once, by the version of its time, no restart."""

from __future__ import annotations

import bisect
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import requests

from connectors.contracts import topics
from connectors.contracts.model_inputs import CHURN, INTENT
from connectors.contracts.scores import score_id
from connectors.elasticsearch import indices
from connectors.kafka.topic_reader import end_offsets, read_topic
from connectors.models.registry import Registry
from jobs.offline import models as roles
from jobs.offline.training.asked import asked_in
from jobs.offline.training.events import Messages
from jobs.offline.training.rows import Moments
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from stack.runs.feed import Feeder
from stack.shop.shop import Shop
from tests import models
from tests.cluster.conftest import CONSOLE, wait_until
from udfs.model_scorer import POLL_SECONDS

Deploy = Callable[..., Deployment]
SWAPS, SWAP_S, QUIET_S = 8, 2.8, 5.0
RATE = 250.0
GAP_MS = 10_000  # sessions end within the test
SETTINGS = {"scoring": True, "session_gap_ms": GAP_MS, "out_of_orderness_ms": 200, "score_every_events": 1}
P99_SLACK_MS = 250  # other people's work on the same machine
SLACK_MS = 400  # a batch that had begun, a pointer that was about to be written
Document = dict[str, Any]


class Traffic:
    """A shop whose events happen now; what was sent is kept."""

    def __init__(self, deployment: Deployment) -> None:
        self._feeder = Feeder(deployment.kafka_properties)
        shop = Shop(seed=3, events_per_second=RATE, start_ms=_now_ms(), day_amplitude=0, noisy=False)
        self._records = iter(shop)
        self._beats = 0
        self.sent: list[bytes] = []

    def flow(self, seconds: float) -> None:
        """Sends what happens meanwhile, each event when it happens."""
        end_ms = _now_ms() + int(seconds * 1_000)
        for arrival_ms, key, value in self._records:
            while (now_ms := _now_ms()) < arrival_ms:
                self._beat(now_ms)
                time.sleep(min(arrival_ms - now_ms, 20) / 1_000)
            if value is not None:
                self._feeder.send(value, key.decode() if key else None)
                self.sent.append(value)
            if arrival_ms > end_ms:
                return

    def rest(self) -> None:
        """Lets time go on, and nothing happen."""
        self._beat(_now_ms())
        self._feeder.flush()

    def _beat(self, now_ms: int) -> None:
        if now_ms // 200 > self._beats:
            self._beats = now_ms // 200
            self._feeder.heartbeat(now_ms, f"beat-{now_ms}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _registry(folder: Path) -> tuple[Registry, list[str]]:
    """Two versions of one model, the first is live, and one of the other."""
    registry = Registry(folder)
    versions = [models.write(folder / INTENT, (0.1, weight), high=0.6).version for weight in (0.5, 0.6)]
    roles.promote(registry, INTENT, versions[0])
    roles.promote(registry, CHURN, models.write(folder / CHURN, (-0.3, 0.0), 0.5, name=CHURN).version)
    return registry, versions


def _scores(deployment: Deployment) -> list[Document]:
    return [orjson.loads(one.value) for one in read_topic(deployment.kafka_properties, topics.SCORES.name)]


def _written(deployment: Deployment) -> int:
    """How many scores the topic holds."""
    return sum(end_offsets(deployment.kafka_properties, topics.SCORES.name).values())


def _expected(events: list[bytes]) -> set[str]:
    options = Moments(every=1, session_gap_ms=GAP_MS).options()
    rows = asked_in(Messages(events), options).rows
    return {score_id(*row) for row in rows.select("model", "visitor_id", "event_id").rows()}


def test_swaps_under_load_lose_nothing_and_score_nothing_twice(deploy: Deploy, tmp_path: Path) -> None:
    registry, versions = _registry(tmp_path / "models")
    # Two workers, and each follows.
    deployment = deploy(model_dir=str(registry.root), parallelism=2, **SETTINGS)
    flink, job = deployment.stack.flink, deployment.submit()
    flink.wait_tasks_running(job, 180)
    traffic = Traffic(deployment)
    traffic.flow(5)  # the first batches compile and load
    quiet_from = _now_ms()
    traffic.flow(QUIET_S)
    swaps = [(0, versions[0])]
    for number in range(1, SWAPS + 1):
        swaps.append((_now_ms(), versions[number % 2]))
        roles.promote(registry, INTENT, versions[number % 2])
        traffic.flow(SWAP_S)
    swapped_at = _now_ms()
    traffic.flow(QUIET_S)
    wanted = _expected(traffic.sent)
    wait_until(lambda: traffic.rest() or _written(deployment) >= len(wanted), 60, "every moment is scored")
    scores = _scores(deployment)
    assert Counter(one["score_id"] for one in scores) == Counter(wanted)
    assert flink.restarts(job) == 0
    followed = list(_counted(flink.rest_url, job, "swaps"))
    assert len(followed) == 2 and min(followed) >= SWAPS - 1, followed
    intents = sorted((one for one in scores if one["kind"] == INTENT), key=lambda one: one["detected_at_ms"])
    _assert_of_their_time(intents, swaps)
    _assert_not_slower(intents, quiet_from, swaps[1][0], swapped_at)
    _assert_in_the_index(deployment, scores)


def _assert_of_their_time(scores: list[Document], swaps: list[tuple[int, str]]) -> None:
    """The version that a worker knows is at most a look older than the pointer."""
    times, one_version = [at_ms for at_ms, _ in swaps], 0
    for one in scores:
        at_ms, version = one["detected_at_ms"], one["model"]["version"]
        newest = bisect.bisect(times, at_ms) - 1
        oldest = bisect.bisect(times, at_ms - POLL_SECONDS * 1_000 - SLACK_MS) - 1
        assert version in {version for _, version in swaps[max(oldest, 0) : newest + 1]}, one
        one_version += oldest == newest > 0
    assert one_version > 50, "scores that only one version may have made"


def _assert_not_slower(scores: list[Document], quiet_from: int, swaps_from: int, swapped_at: int) -> None:
    """From an event to its score, milliseconds: 99 of 100 while versions are swapped, and before and after it."""
    waits = [(one["scored_at_ms"], one["detected_at_ms"] - one["scored_at_ms"]) for one in scores]
    swapping = [wait for at_ms, wait in waits if swaps_from <= at_ms < swapped_at]
    quiet = [wait for at_ms, wait in waits if quiet_from <= at_ms < swaps_from or at_ms >= swapped_at]
    for name, found in (("usual", quiet), ("while versions are swapped", swapping)):
        p50, p99 = np.percentile(found, [50, 99])
        CONSOLE.print(f"event to score, {name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms of {len(found)}")
    assert np.percentile(swapping, 99) <= 2 * np.percentile(quiet, 99) + P99_SLACK_MS


def _assert_in_the_index(deployment: Deployment, scores: list[Document]) -> None:
    """Who was scored high has a signal of the model."""
    expected = {
        one["visitor_id"] for one in scores if one["evidence"]["band"] == "high" and one["kind"] == INTENT
    }
    wait_until(
        lambda: expected == _visitors_with(deployment, INTENT), 60, "signals of the model in the index"
    )
    assert expected


def _visitors_with(deployment: Deployment, kind: str) -> set[str]:
    deployment.client.indices.refresh(index=indices.SIGNALS.alias)
    found = documents(deployment.client, indices.SIGNALS.alias)
    return {one["visitor_id"] for one in found if one["kind"] == kind and one["model"]["name"] == kind}


def _counted(rest_url: str, job: str, counter: str) -> Iterator[int]:
    """The counter of the group `scoring` in each worker."""
    for vertex in requests.get(f"{rest_url}/jobs/{job}", timeout=30).json()["vertices"]:
        path = f"{rest_url}/jobs/{job}/vertices/{vertex['id']}/metrics"
        names = [one["id"] for one in requests.get(path, timeout=30).json()]
        found = [name for name in names if name.endswith(f".scoring.{counter}")]
        if found:
            values = requests.get(path, params={"get": ",".join(found)}, timeout=30).json()
            yield from (int(one["value"]) for one in values)
