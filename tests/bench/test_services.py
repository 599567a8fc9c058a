"""What a decision and a stream cost: the API and Elasticsearch alone, without Flink."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from connectors.contracts import topics
from connectors.contracts.signals import signal_id
from connectors.elasticsearch import indices
from connectors.kafka.writer import Writer
from jobs.settings import Settings
from stack.embedded import PARTS, EmbeddedStack
from stack.environments import in_services
from stack.package import ROOT
from stack.ports import free_ports
from stack.runs.deploy import Deployment
from tests.bench import figures
from tests.cluster.conftest import wait_until
from tests.cluster.test_services import SERVICE_KEY, is_ready, service

VISITORS = 5_000
PER_SECOND = figures.number("DECISIONS", 300)
SECONDS = figures.number("SERVICES_SECONDS", 60)
STREAMS = figures.number("STREAMS_OPEN", 1_000)
CHANGES = 5
DAY_MS = 86_400_000


class Bench:
    """The API over servers that hold some visitors."""

    def __init__(self, deployment: Deployment, url: str) -> None:
        self.deployment, self.url = deployment, url
        port = int(url.rpartition(":")[2])
        self.process = next(
            one
            for one in psutil.process_iter(["pid"])
            if "services.serve" in _words(one) and f"port={port}" in _words(one)
        )

    def load(self, *words: object) -> subprocess.Popen[str]:
        """The load, in a process of its own."""
        command = in_services(
            "tests.bench.services_load", str(words[0]), self.url, SERVICE_KEY, *map(str, words[1:])
        )
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def cpu_s(self) -> float:
        """Processor time that the API has taken."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def signal_of(visitor: int, kind: str = "cart_abandoned", anchor: str = "a") -> dict[str, Any]:
    """A signal of now."""
    now_ms = int(time.time() * 1000)
    return {
        "signal_id": signal_id(kind, kind, f"v-{visitor}", anchor),
        "kind": kind,
        "visitor_id": f"v-{visitor}",
        "occurred_at_ms": now_ms,
        "detected_at_ms": now_ms,
        "expires_at_ms": now_ms + 7 * DAY_MS,
        "status": "active",
        "version": now_ms,
        "rule": {"name": kind, "version": 1},
        "evidence": {"cart_events": 2, "event_ids": ["e" * 32] * 3},
        "context": {"device": "mobile"},
    }


def fill(deployment: Deployment) -> None:
    """Half of the visitors have a signal, all have a document with scores and features."""
    with closing(Writer(deployment.kafka_properties)) as writer:
        write(writer, [signal_of(number) for number in range(0, VISITORS, 2)])
    lines: list[dict[str, Any]] = []
    for number in range(VISITORS):
        score = {"model": "purchase_intent", "version": "1", "score": number / VISITORS, "scored_at_ms": 1}
        lines += [
            {"index": {"_id": f"v-{number}"}},
            {
                "visitor_id": f"v-{number}",
                "scores": [score],
                "features": {f"f{n}": n for n in range(60)},
                "version": 1,
            },
        ]
    deployment.client.bulk(operations=lines, index=indices.VISITORS.alias, refresh=True)


def write(writer: Writer, signals: list[dict[str, Any]]) -> None:
    for one in signals:
        writer.write(topics.SIGNALS.name, json.dumps(one).encode(), one["visitor_id"])
    writer.flush()


@contextmanager
def serving(folder: Path, settings: Settings, parts: Sequence[str] = PARTS) -> Iterator[Bench]:
    """The API over a stack with the visitors."""
    with EmbeddedStack(folder / "stack", parts=parts, slots=1, console=figures.CONSOLE, quick=True) as stack:
        deployment = Deployment(stack, settings, folder)
        deployment.prepare()
        fill(deployment)
        (port,) = free_ports(1)
        ends = {
            "kafka_bootstrap_servers": deployment.settings.kafka_bootstrap_servers,
            "elasticsearch_url": deployment.settings.elasticsearch_url,
            "max_streams": str(STREAMS + 10),
        }
        with service("services.serve", port, folder / "api.log", **ends) as url:
            wait_until(lambda: is_ready(url), 90, "the view has caught up")
            yield Bench(deployment, url)
        deployment.client.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with serving(tmp_path_factory.mktemp("services"), Settings.of({}), ("kafka", "elasticsearch")) as one:
        yield one


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the load has found."""
    output, _ = process.communicate(timeout=600)
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def measured(bench: Bench, title: str) -> dict[str, Any]:
    """Decisions at the rate, behind ten seconds of warming."""
    finished(bench.load("decide", VISITORS, PER_SECOND, 10))
    before = bench.cpu_s()
    found = finished(bench.load("decide", VISITORS, PER_SECOND, SECONDS))
    found["cpu_ms_each"] = round((bench.cpu_s() - before) * 1000 / found["asked"], 3)
    rows = [["ms", *found["ms"].values()], ["processor of the API, each", found["cpu_ms_each"]]]
    figures.show(f"{PER_SECOND} decisions a second, open loop, {title}", ["", *found["ms"]], rows)
    assert found["wrong"] == 0 and found["asked"] == PER_SECOND * SECONDS
    return {"per_second": PER_SECOND, "seconds": SECONDS, "visitors": VISITORS, **found}


def test_decisions(bench: Bench) -> None:
    figures.write("decisions", **measured(bench, "API and index alone"))


def test_streams(bench: Bench) -> None:
    before_rss, before_cpu = bench.process.memory_info().rss, bench.cpu_s()
    load = bench.load("listen", STREAMS, CHANGES)
    assert load.stdout is not None and load.stdout.readline().strip() == "ready"
    opened_rss, opened_cpu = bench.process.memory_info().rss, bench.cpu_s()
    with closing(Writer(bench.deployment.kafka_properties)) as writer:
        for change in range(CHANGES):
            write(writer, [signal_of(number, "heard", str(change)) for number in range(STREAMS)])
            time.sleep(2)
    found = finished(load)
    found["kb_each"] = round((opened_rss - before_rss) / 1024 / STREAMS, 1)
    found["cpu_ms_to_open_each"] = round((opened_cpu - before_cpu) * 1000 / STREAMS, 3)
    found["cpu_ms_to_tell_each"] = round((bench.cpu_s() - opened_cpu) * 1000 / (STREAMS * CHANGES), 3)
    figures.show(f"{STREAMS} streams", list(found), [[json.dumps(value) for value in found.values()]])
    figures.write("streams", **found)
    assert found["heard"] == STREAMS * CHANGES
