"""Rules change under a running job: it follows its folder within seconds, and what other rules wait for stays."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import requests

from connectors.elasticsearch import indices
from jobs.offline.rules.folder import RulesFolder
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from stack.runs.feed import Feeder
from tests.cluster.conftest import Deployer, Document, wait_until

FOLLOWS_WITHIN_S = 10.0
WORKERS = 2
BEGINNING_MS, MINUTE_MS = 1_700_000_000_000, 60_000
INTEREST = "category_interest.yaml"


class Shop:
    """Visitors, a folder of rules, and the job that follows it."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment, self.folder = deployment, folder
        self._feeder, self._names = Feeder(deployment.kafka_properties), count()
        self.now_ms = BEGINNING_MS
        self.job = deployment.submit()
        deployment.stack.flink.wait_tasks_running(self.job, 180)

    def send(self, kind: str, visitor: str, **more: object) -> None:
        """An event that happens now, a moment after the one before; time goes on behind it."""
        self.now_ms += 100
        event = {
            "schema": "event/1",
            "event_id": f"event-{next(self._names)}",
            "event_type": kind,
            "event_time_ms": self.now_ms,
            "visitor_id": visitor,
            **more,
        }
        self._feeder.send(json.dumps(event).encode(), visitor, timestamp_ms=self.now_ms)

    def look(self, visitor: str, times: int) -> None:
        """So many views of hats, and then a while nothing."""
        for _ in range(times):
            self.send("product_view", visitor, product={"category": "hats", "product_id": "p"})
        self.pass_to(self.now_ms + 5_000)

    def pass_to(self, at_ms: int) -> None:
        """Event time goes on."""
        self.now_ms = at_ms
        self._feeder.heartbeat(at_ms, f"beat-{next(self._names)}", at_ms)
        self._feeder.flush()

    def signals_of(self, kind: str, visitor: str) -> list[Document]:
        """The visitor's signals of a kind."""
        found = documents(self.deployment.client, indices.SIGNALS.alias)
        return [one for one in found if (one["kind"], one["visitor_id"]) == (kind, visitor)]

    def write(self, *changes: tuple[str, str]) -> None:
        """Changes the rule of interest in its file."""
        text = (self.folder / INTEREST).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.folder / INTEREST).write_text(text)

    def counted(self, counter: str) -> int:
        """The lowest count of a worker's followings of the folder."""
        counts = _counts(self.deployment.stack.flink.rest_url, self.job, counter)
        return min(counts) if len(counts) == WORKERS else 0  # who has had nothing to do has no metrics


def _counts(rest_url: str, job: str, counter: str) -> list[int]:
    found = []
    for vertex in requests.get(f"{rest_url}/jobs/{job}", timeout=30).json()["vertices"]:
        path = f"{rest_url}/jobs/{job}/vertices/{vertex['id']}/metrics"
        names = [one["id"] for one in requests.get(path, timeout=30).json()]
        asked = [name for name in names if name.endswith(f".rules.{counter}")]
        if asked:
            values = requests.get(path, params={"get": ",".join(asked)}, timeout=30).json()
            found += [int(float(one["value"])) for one in values]
    return found


@pytest.fixture(scope="module")
def shop(deploy_once: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("pack") / "rules"
    RulesFolder(folder)
    return Shop(deploy_once(rules_dir=str(folder), idle_timeout_ms=0, parallelism=WORKERS), folder)


def test_a_changed_rule_is_at_work_within_seconds_and_other_rules_wait_on(shop: Shop) -> None:
    shop.send("add_to_cart", "waits")
    filled_ms = shop.now_ms
    shop.look("before", 4)
    wait_until(
        lambda: bool(shop.signals_of("category_interest", "before")), 60, "a signal of the shipped version"
    )
    assert shop.signals_of("category_interest", "before")[0]["rule"]["version"] == 1
    shop.write(("version: 1", "version: 2"), ("more_than: 3", "more_than: 1"))
    changed_at, visitors = time.monotonic(), []

    def is_followed() -> bool:
        visitors.append(f"after-{len(visitors)}")
        shop.look(visitors[-1], 2)
        return any(shop.signals_of("category_interest", visitor) for visitor in visitors)

    wait_until(is_followed, FOLLOWS_WITHIN_S, "a signal of the new version")
    assert time.monotonic() - changed_at < FOLLOWS_WITHIN_S
    (found,) = [one for visitor in visitors for one in shop.signals_of("category_interest", visitor)][:1]
    assert found["rule"] == {"name": "category_interest", "version": 2}
    wait_until(lambda: _all_follow(shop), 60, "every worker follows")
    assert shop.signals_of("cart_abandoned", "waits") == []
    shop.pass_to(filled_ms + 30 * MINUTE_MS + 60_000)
    wait_until(lambda: bool(shop.signals_of("cart_abandoned", "waits")), 60, "the abandonment")
    (found,) = shop.signals_of("cart_abandoned", "waits")
    assert (found["status"], found["occurred_at_ms"]) == ("active", filled_ms + 30 * MINUTE_MS)


def _all_follow(shop: Shop) -> bool:
    """Whether visitors of every worker are judged by the new version: a worker looks when there is something to do."""
    crowd = [f"crowd-{shop.now_ms}-{number}" for number in range(8)]
    for visitor in crowd:
        shop.look(visitor, 2)
    with suppress(AssertionError):
        wait_until(
            lambda: all(shop.signals_of("category_interest", visitor) for visitor in crowd), 10, "all of them"
        )
        return True
    return False


def test_an_invalid_rule_leaves_the_old_ones_active(shop: Shop) -> None:
    refused, passers = shop.counted("refused"), count()
    good = (shop.folder / INTEREST).read_text()
    (shop.folder / INTEREST).write_text(good.replace("kind: count", "kind: guess"))

    def is_refused() -> bool:
        shop.look(f"passes-{next(passers)}", 1)  # the folder is looked at when there is something to do
        return shop.counted("refused") > refused

    wait_until(is_refused, 60, "every worker has refused it")
    before = shop.signals_of("category_interest", "afterwards")
    version = _version(good)
    shop.look("afterwards", 4)
    wait_until(
        lambda: bool(shop.signals_of("category_interest", "afterwards")), 60, "a signal of the old version"
    )
    assert (
        before == [] and shop.signals_of("category_interest", "afterwards")[0]["rule"]["version"] == version
    )
    (shop.folder / INTEREST).write_text(good)


def _version(text: str) -> int:
    (line,) = [line for line in text.splitlines() if line.startswith("version: ")]
    return int(line.split()[1])
