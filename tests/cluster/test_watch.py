"""The standing watch as a process of its own over a real broker: killed half-way, it ends where none was killed."""

from __future__ import annotations

import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from connectors.contracts import topics
from connectors.contracts.model_inputs import MODELS, OFFERED
from connectors.kafka.writer import Writer
from connectors.models.registry import Registry
from jobs.offline.training.post import LINES, STATE, Post, watches_of
from jobs.settings import Settings
from stack.package import ROOT
from stack.shop.history import generated_events
from tests import model_traffic
from tests.cluster.conftest import Deployer
from udfs.model_runtime import load_pointed

REGISTRY = Registry(ROOT / "model_artifacts")
HOURS = (3.0, 6.0, 5.0)
OPTIONS = ("--window-hours", "3", "--quality-hours", "6", "--horizon-hours", "5", "--every", "1")
DEADLINE_S = 60.0
Traffic = dict[str, list[bytes]]


@pytest.fixture(scope="module")
def properties(deploy_once: Deployer) -> dict[str, str]:
    """Of empty topics."""
    return deploy_once().kafka_properties


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    events = generated_events(20_000, seed=1)
    scores = []
    for name in MODELS:
        pointer = REGISTRY.pointer(name)
        assert pointer
        scores += model_traffic.scores(load_pointed(REGISTRY, name, pointer, OFFERED), events)
    return {topics.SCORES.name: scores, topics.FEATURES.name: list(model_traffic.features(events))}


def write(properties: dict[str, str], part: Traffic) -> None:
    """In one transaction: a reader sees all of it or none."""
    writer = Writer(properties, "test-watch")
    writer.begin()
    for topic, messages in part.items():
        for message in messages:
            visitor = orjson.loads(message)["visitor_id"].encode()
            writer.write(topic, message, visitor, partition=zlib.crc32(visitor) % 4)
    writer.commit(DEADLINE_S)
    writer.close()


def start(properties: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """The watch, until somebody ends it."""
    server = f"kafka_bootstrap_servers={properties['bootstrap.servers']}"
    command = [
        sys.executable,
        "-m",
        "cli.models",
        "watch",
        *OPTIONS,
        "--folder",
        str(folder),
        "--set",
        server,
    ]
    return subprocess.Popen(command, cwd=ROOT)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.1)


def scored_ms(folder: Path) -> int:
    """How far the kept state is."""
    path = folder / STATE
    state = orjson.loads(path.read_bytes()) if path.exists() else {"watches": {}}
    return max((one["scored_ms"] for one in state["watches"].values()), default=0)


def test_a_killed_watch_goes_on(properties: dict[str, str], traffic: Traffic, tmp_path: Path) -> None:
    in_memory = Post(tmp_path / "expected", watches_of(REGISTRY, MODELS, Settings(), HOURS))
    in_memory.open()
    expected = in_memory.look(lambda topic, offsets: iter(traffic[topic]))
    ordered = {
        name: sorted(messages, key=lambda one: orjson.loads(one).get("scored_at_ms", 0))
        for name, messages in traffic.items()
    }
    folder = tmp_path / "watch"
    for first, last in ((0.0, 0.6), (0.6, 1.0)):
        part = {
            name: messages[int(len(messages) * first) : int(len(messages) * last)]
            for name, messages in ordered.items()
        }
        until_ms = max(orjson.loads(one)["scored_at_ms"] for one in part[topics.SCORES.name])
        write(properties, part)
        process = start(properties, folder)
        try:
            wait_for(lambda until_ms=until_ms: scored_ms(folder) >= until_ms, process)
        finally:
            process.kill()
            process.wait()
    assert len(expected) > 10
    found = [orjson.loads(line) for line in (folder / LINES).read_bytes().splitlines()]
    kept = (in_memory.folder / LINES).read_bytes().splitlines()
    assert sorted(map(str, found)) == sorted(str(orjson.loads(line)) for line in kept)
