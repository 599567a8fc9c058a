"""What of a tracker's events arrives when tabs are killed and the broker is away for a minute.

FOOTFALL_BENCH_LOADS sizes it: page loads of ten profiles in a real Chromium, with 34 events each. A third of the
pages is closed at once, a third crashes, a third stays for a while; in the middle the broker is killed. The suite
reads what the real collector has written.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route

from connectors.contracts import topics
from connectors.kafka.topic_reader import read_topic
from jobs.settings import Settings
from stack.embedded import EmbeddedStack
from stack.kafka import KafkaBroker
from stack.ports import free_ports
from stack.runs.deploy import Deployment
from stack.runs.feed import Feeder
from stack.runs.live import wait_for_balance
from tests.bench import figures
from tests.browser.conftest import chromium as chromium
from tests.cluster.conftest import wait_until
from tests.cluster.test_services import is_ready, service

LOADS, EACH, PROFILES = figures.number("LOADS", 300), 34, 10
AWAY_S, PACE_S, STAYS_S = 60.0, 0.7, 0.5
# Nobody is a bot here, though ten profiles do what three hundred visitors would.
SETTINGS = {
    "parallelism": 2, "scoring": False, "bot_events_per_minute": 0, "bot_events_per_day": 0, "ledger_step_ms": 1_000,
}  # fmt: skip
HTML = "<!doctype html><title>A shop</title><script async src='/t.js' data-consent='granted' data-pages='off'></script>"
TRACK = """([first, count]) => {
    for (let n = first; n < first + count; n++) footfall.track('scripted', { n });
    return count;
}"""
WAITS = "() => Object.keys(localStorage).filter((key) => key.startsWith('footfall.queue.')).length"


class Visitors:
    """Profiles that load pages of a shop in turn."""

    def __init__(self, chromium: Browser, collector: str) -> None:
        self._contexts = [chromium.new_context() for _ in range(PROFILES)]
        self._url, self.told = f"{collector}/shop", 0
        for context in self._contexts:
            context.route(self._url, _answer)

    def load(self, number: int) -> None:
        """One page, its events, and how it ends."""
        page = self._opened(self._contexts[number % PROFILES])
        self.told += int(page.evaluate(TRACK, [self.told, EACH]))
        if number % 3 == 1:
            _crash(page)
        elif number % 3 == 2:
            page.wait_for_timeout(STAYS_S * 1000)
        page.close()

    def finish(self) -> None:
        """A last page of each profile, until nothing waits in its store any more."""
        for context in self._contexts:
            page = self._opened(context)
            wait_until(lambda page=page: page.evaluate(WAITS) == 0, 120, "all is acknowledged")  # type: ignore[misc]
            context.close()

    def _opened(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.goto(self._url)
        page.wait_for_function("() => window.footfall")
        return page


def _answer(route: Route) -> None:
    route.fulfill(body=HTML, content_type="text/html")


def _crash(page: Page) -> None:
    """Kills the tab's process; nothing of the page runs any more."""
    with suppress(Error):
        page.goto("chrome://crash", timeout=2_000)


class Outage:
    """The broker, killed once and started again a minute later."""

    def __init__(self, kafka: KafkaBroker) -> None:
        self._kafka, self._until = kafka, 0.0

    def begin(self) -> None:
        """Kills it."""
        self._kafka.kill()
        self._until = time.monotonic() + AWAY_S

    def end_in_time(self, wait: bool = False) -> None:
        """Starts it again once the minute is over."""
        if wait and self._until:
            time.sleep(max(0.0, self._until - time.monotonic()))
        if self._until and time.monotonic() >= self._until:
            self._until = 0.0
            self._kafka.start_again()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with EmbeddedStack(tmp_path / "stack", slots=2, console=figures.CONSOLE, quick=True) as stack:
        made = Deployment(stack, Settings.of(SETTINGS), tmp_path)
        made.prepare()
        stack.flink.wait_tasks_running(made.submit(), 180)
        yield made
        made.client.close()


def test_what_arrives(chromium: Browser, deployment: Deployment, tmp_path: Path) -> None:
    ends = {
        "kafka_bootstrap_servers": deployment.settings.kafka_bootstrap_servers,
        "rate_per_s": "10000", "rate_burst": "10000", "cookie_secure": "false", "ack_ms": "3000",
    }  # fmt: skip
    with service("services.collect", free_ports(1)[0], tmp_path / "collector.log", **ends) as collector:
        wait_until(lambda: is_ready(collector), 90, "the collector is ready")
        visitors, outage = Visitors(chromium, collector), Outage(deployment.stack.kafka)
        for number in range(LOADS):
            if number == LOADS // 3:
                outage.begin()
            began = time.monotonic()
            visitors.load(number)
            outage.end_in_time()
            time.sleep(max(0.0, PACE_S - (time.monotonic() - began)))
        outage.end_in_time(wait=True)
        visitors.finish()
    ledger = wait_for_balance(deployment, Feeder(deployment.kafka_properties), 120)
    valid, late = (_numbers(deployment, one) for one in (topics.EVENTS_VALID, topics.EVENTS_LATE))
    total = ledger.total()
    found = {
        "told": visitors.told, "arrived": len(valid.keys() | late.keys()), "valid": len(valid),
        "late": len(late.keys() - valid.keys()), "doubles_in_valid": valid.total() - len(valid),
        "doubles_dropped": total.duplicate, "balanced": ledger.balanced,
    }  # fmt: skip
    figures.show(f"{LOADS} page loads", list(found), [list(found.values())])
    figures.write("tracker_loss", loads=LOADS, away_s=AWAY_S, **found)
    assert found["arrived"] >= 0.999 * visitors.told and found["doubles_in_valid"] == 0 and ledger.balanced


def _numbers(deployment: Deployment, topic: topics.Topic) -> Counter[int]:
    """How often each scripted event lies in the topic."""
    values = (json.loads(one.value) for one in read_topic(deployment.kafka_properties, topic.name))
    return Counter(one["properties"]["n"] for one in values if one["event_type"] == "custom:scripted")
