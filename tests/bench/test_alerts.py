"""Alerts made to fire by real faults on the real stack, and how long each took.

With `for`, windows and offsets a sixth of what is shipped, and the shipped thresholds: what is measured is a lower
bound, to which the rest of the shipped `for` comes.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from prometheus_client import start_http_server

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.kafka.writer import Writer
from jobs.offline.observing.observer import Observer
from stack.embedded import EmbeddedStack
from stack.ports import free_ports
from stack.runs.deploy import Deployment
from state.rules.language.loading import SHIPPED
from tests.bench.figures import CONSOLE
from tests.cluster.conftest import Deployer, wait_until, workers_of
from tests.cluster.test_doctor import Source, broken, event, good, in_one_partition, old
from tests.monitoring.prometheus import Prometheus, quicker
from tools.monitoring.files import FOLDER

SIXTH = 6
CART_MS = 10_000


@dataclass
class Watch:
    """A deployment, what feeds it, and the Prometheus that looks at it."""

    deployment: Deployment
    source: Source
    rules: Path
    prometheus: Prometheus
    server: Callable[[], None]
    fired: dict[str, float] = field(default_factory=dict)

    def wait_for(self, alerts: set[str], began: float, deadline_s: float) -> None:
        """Notes when each alert fires; those that never do are the test's failure."""

        def all_fire() -> bool:
            for alert in self.prometheus.firing() & alerts:
                self.fired.setdefault(alert, time.monotonic() - began)
            return alerts <= self.fired.keys()

        try:
            wait_until(all_fire, deadline_s, f"{alerts - self.fired.keys()}")
        finally:
            seconds = {alert: round(self.fired[alert]) for alert in alerts & self.fired.keys()}
            CONSOLE.print(f"fired after seconds: {seconds}; also firing: {self.prometheus.firing() - alerts}")


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("alerts")
    rules = folder / "rules"
    shutil.copytree(
        SHIPPED, rules, ignore=lambda _, names: [one for one in names if not one.endswith(".yaml")]
    )
    flink = {"execution.checkpointing.interval": "5 s"}
    with EmbeddedStack(folder, slots=2, console=CONSOLE, flink_overrides=flink, quick=True) as stack:
        deployer = Deployer(stack, folder)
        deployment = deployer(scoring=True, parallelism=1, cart_timeout_ms=CART_MS, rules_dir=str(rules))
        job = deployment.submit()
        stack.flink.wait_tasks_running(job, 240)
        with watched(deployment, rules, folder) as running:
            yield running
        with suppress(Exception):
            deployer.close()


@contextmanager
def watched(deployment: Deployment, rules: Path, folder: Path) -> Iterator[Watch]:
    over = threading.Event()
    observer = Observer(deployment.stack.flink.rest_url, deployment.settings, look_s=2, canary_s=5)
    [port] = free_ports(1)
    server, _ = start_http_server(port, "127.0.0.1", observer.registry)
    source = Source(Writer(deployment.kafka_properties), good)
    threads = [
        threading.Thread(target=source.feed, args=(over,), daemon=True),
        threading.Thread(target=observer.run, args=(over,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    ports = [*deployment.stack.flink.metrics_ports, port]
    text = quicker((FOLDER / "alerts.yml").read_text("utf-8"), SIXTH)
    prometheus = Prometheus(folder, text, [f"127.0.0.1:{one}" for one in ports])
    try:
        yield Watch(deployment, source, rules, prometheus, server.shutdown)
    finally:
        prometheus.stop()
        over.set()


def test_in_health_nothing_fires(watch: Watch) -> None:
    wait_until(lambda: bool(watch.prometheus.ask("footfall_canary_arrived > 2")), 90, "three carts are found")
    assert watch.prometheus.firing() == set()


def send(make: Callable[[int, int], tuple[bytes, int]]) -> Callable[[Watch], AbstractContextManager[None]]:
    @contextmanager
    def fault(watch: Watch) -> Iterator[None]:
        watch.source.make = make
        yield
        watch.source.make = good

    return fault


def of_one_visitor(number: int, now_ms: int) -> tuple[bytes, int]:
    return event(number * 500, now_ms), number % topics.EVENTS_RAW.partitions


@contextmanager
def bad_rules(watch: Watch) -> Iterator[None]:
    bad = watch.rules / "bounce.yaml"
    was = bad.read_text()
    bad.write_text("name: [")
    yield
    bad.write_text(was)


@contextmanager
def index_blocked(watch: Watch) -> Iterator[None]:
    name, client = "index.blocks.read_only_allow_delete", watch.deployment.client
    client.indices.put_settings(index=indices.SIGNALS.alias, settings={name: True})
    yield
    client.indices.put_settings(index=indices.SIGNALS.alias, settings={name: None})


@contextmanager
def worker_stopped(watch: Watch) -> Iterator[None]:
    stopped = workers_of(watch.deployment.stack.workdir)
    for one in stopped:
        one.suspend()
    yield
    for one in stopped:
        with suppress(psutil.Error):
            one.resume()


@contextmanager
def kafka_stopped(watch: Watch) -> Iterator[None]:
    broker = psutil.Process(watch.deployment.stack.kafka.process.pid)
    broker.suspend()
    yield
    broker.resume()


@contextmanager
def taskmanager_killed(watch: Watch) -> Iterator[None]:
    watch.deployment.stack.flink.kill_taskmanager()
    yield
    watch.deployment.stack.flink.start_taskmanager()


@contextmanager
def observer_ended(watch: Watch) -> Iterator[None]:
    watch.server()
    yield


FAULTS = [
    ("most messages into one partition", send(in_one_partition), {"FootfallFinding"}, 110),
    ("every second message is no JSON", send(broken), {"FootfallDeadLetters"}, 75),
    ("every second event a minute late", send(old), {"FootfallLate"}, 75),
    ("all events of one visitor", send(of_one_visitor), {"FootfallBots"}, 75),
    ("a rule that is no YAML", bad_rules, {"FootfallRules"}, 60),
    (
        "the signals index takes no writes",
        index_blocked,
        {
            "FootfallIndex",
            "FootfallCanary",
            "FootfallLag",
            "FootfallWatermarkAge",
            "FootfallCheckpointAge",
        },
        220,
    ),
    ("a Python worker is stopped (SIGSTOP)", worker_stopped, {"FootfallWorkers"}, 90),
    ("the broker is stopped (SIGSTOP)", kafka_stopped, {"FootfallServer"}, 90),
    ("the TaskManager is killed", taskmanager_killed, {"FootfallJobMissing", "FootfallRestarts"}, 120),
    ("the observer ends", observer_ended, {"FootfallObserver"}, 60),
]


@pytest.mark.parametrize(("what", "fault", "alerts", "deadline_s"), FAULTS, ids=[one[0] for one in FAULTS])
def test_a_fault_fires_its_alerts(
    what: str,
    fault: Callable[[Watch], AbstractContextManager[None]],
    alerts: set[str],
    deadline_s: float,
    watch: Watch,
) -> None:
    CONSOLE.print(f"── {what}")
    with fault(watch):
        watch.wait_for(alerts, time.monotonic(), deadline_s)
