"""A real Prometheus over the shipped rules: it says when servers do not answer, and when nobody looks any more.

`for`, windows and offsets are a twelfth of what is shipped, so that the test is short.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from prometheus_client import start_http_server

from jobs.offline.observing.observer import Observer
from jobs.settings import Settings
from stack.ports import free_ports
from tests.monitoring.prometheus import Prometheus, quicker
from tools.monitoring.files import FOLDER
from tools.monitoring.files import the_table as table

_DEADLINE_S = 60.0


@pytest.fixture
def address() -> Iterator[str]:
    """Of an observer whose servers are not there."""
    nowhere = {"kafka_bootstrap_servers": "127.0.0.1:1", "elasticsearch_url": "http://127.0.0.1:1"}
    observer = Observer("http://127.0.0.1:1", Settings.of(nowhere), look_s=1, canary_s=0)
    [port] = free_ports(1)
    server, _ = start_http_server(port, "127.0.0.1", observer.registry)
    over = Event()
    looking = Thread(target=observer.run, args=(over,))
    looking.start()
    yield f"127.0.0.1:{port}"
    over.set()
    looking.join(30)
    server.shutdown()
    server.server_close()


def wait_for(prometheus: Prometheus, alert: str) -> None:
    end = time.monotonic() + _DEADLINE_S
    while alert not in prometheus.firing():
        assert time.monotonic() < end, f"{alert} does not fire; those that do: {prometheus.firing()}"
        time.sleep(0.5)


@pytest.fixture
def prometheus(address: str, tmp_path: Path) -> Iterator[Prometheus]:
    rules = quicker((FOLDER / "alerts.yml").read_text("utf-8"), 12)
    running = Prometheus(tmp_path, rules, [address])
    yield running
    running.stop()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Prometheus]:
    """One whose target is not there."""
    running = Prometheus(tmp_path, quicker((FOLDER / "alerts.yml").read_text("utf-8"), 12), ["127.0.0.1:1"])
    yield running
    running.stop()


def test_servers_that_do_not_answer_fire_the_alert_of_servers_alone(prometheus: Prometheus) -> None:
    wait_for(prometheus, "FootfallServer")
    assert prometheus.firing() == {"FootfallServer"}
    assert {one["metric"]["server"] for one in prometheus.ask("footfall_up == 0")} == {
        "kafka",
        "flink",
        "index",
    }


def test_an_observer_that_is_away_fires_its_alert(alone: Prometheus) -> None:
    wait_for(alone, "FootfallObserver")
    assert alone.firing() == {"FootfallObserver"}


def test_each_query_is_one_that_prometheus_takes(alone: Prometheus) -> None:
    wait_for(alone, "FootfallObserver")
    for row in (*table().watched, *table().panel):
        alone.ask(row.metric)
