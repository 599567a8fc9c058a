"""What scoring costs: the call inside Flink against onnxruntime alone, and the suite with it against without.

FOOTFALL_BENCH_SCORE_ROWS and FOOTFALL_BENCH_EVENTS size it; with CI=true it is small.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import orjson
import pytest
from confluent_kafka import Producer
from rich.console import Console

from cli.gate import Gate
from cli.package import ROOT
from cli.run_settings import REPLAY_FLINK
from cli.topic_reader import read_topic
from connectors import topics
from connectors.model_inputs import CHURN, INTENT, OFFERED
from connectors.model_registry import Registry
from connectors.model_runtime import Matrix, Model, open_session
from jobs.settings import Value
from jobs.training.candidates import TREES_MISSING, Candidate
from jobs.training.export import Calibrated, to_graph
from stack.embedded import EmbeddedStack
from tests import models
from tests.bench import workload
from tests.bench.benchjobs.ends import ROWS
from tests.bench.cluster import SLOTS, BenchCluster
from udfs.score import matrix

SMALL = os.environ.get("CI", "").lower() == "true"
EVENTS = int(os.environ.get("FOOTFALL_BENCH_EVENTS", "60000" if SMALL else "200000"))
COUNT = int(os.environ.get("FOOTFALL_BENCH_SCORE_ROWS", "60000" if SMALL else "200000"))
SIZES = (5_000,) if SMALL else (500, 2_000, 5_000)
SIZE = 5_000  # that of jobs/wiring.py
JSON = ROOT / ".footfall" / "bench" / "scoring.json"
TREES, LEAVES = 200, 31  # the most that the trainer makes, and LightGBM's default
MOST_OF_THE_SUITE = 0.2
LEAST_OF_ONNXRUNTIME = 0.6
Document = dict[str, Any]


class Rows:
    """Documents of features as the suite has written them, and jobs over them."""

    def __init__(self, cluster: BenchCluster, found: list[tuple[bytes, bytes]]) -> None:
        self._cluster, self._kafka = cluster, cluster.deployment.kafka_properties
        self._found = [found[place % len(found)] for place in range(COUNT)]

    def vectors(self) -> Matrix:
        return matrix(orjson.loads(value) for _, value in self._found[: 2 * max(SIZES)])

    def rate(self, what: str, size: int, folder: Path, parallelism: int = SLOTS) -> float:
        """Rows a second of a job of benchjobs/score_rows.py, start-up not counted."""
        settings: dict[str, Value] = {"model_dir": str(folder), "parallelism": parallelism}
        job, first = "benchjobs.score_rows", (str(size), what)
        return COUNT / self._cluster.run_gated(job, first, self._fill(), **settings).working

    def _fill(self) -> Gate:
        self._cluster.renew(ROWS)
        gate = Gate(self._kafka, ROWS)
        producer = Producer({**self._kafka, "queue.buffering.max.messages": COUNT + 1})
        for key, value in self._found:
            producer.produce(ROWS.name, value=value, key=key, partition=zlib.crc32(key) % ROWS.partitions)
            producer.poll(0)
        producer.flush()
        return gate


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BenchCluster, workload.Workload]]:
    folder, console = tmp_path_factory.mktemp("bench"), Console(stderr=True)
    work = workload.make(folder, EVENTS, 1_000)
    with EmbeddedStack(folder / "stack", slots=SLOTS, flink_overrides=REPLAY_FLINK, console=console) as stack:
        yield BenchCluster(stack, folder, console), work


@pytest.fixture(scope="module")
def figures(bench: tuple[BenchCluster, workload.Workload]) -> Iterator[Document]:
    """What was measured; written when all is over."""
    found: Document = {"cores": os.cpu_count()}
    yield found
    JSON.parent.mkdir(parents=True, exist_ok=True)
    JSON.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    print(f"written: {JSON}")


def test_scoring_takes_less_than_a_fifth_of_the_suite(
    bench: tuple[BenchCluster, workload.Workload], figures: Document
) -> None:
    """In turn, and the second round counts."""
    cluster, work = bench
    rates: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(2):
        for scores in rates:
            cluster.deployment.settings = cluster.deployment.settings.replace(scoring=scores)
            rates[scores].append(work.whole.events / cluster.run_suite(work.whole).working)
    made = sum(1 for _ in read_topic(cluster.deployment.kafka_properties, topics.SCORES.name))
    cost = 1 - rates[True][-1] / rates[False][-1]
    figures["suite"] = {
        "events": work.whole.events, "scores": made, "events_per_second_without": rates[False],
        "events_per_second_with": rates[True], "cost": cost,
    }  # fmt: skip
    print(orjson.dumps(figures["suite"], option=orjson.OPT_INDENT_2).decode())
    assert made > 0.1 * work.whole.events
    if not SMALL:  # a run of seconds measures how the JVM warms up
        assert cost < MOST_OF_THE_SUITE


def test_the_call_inside_flink_against_onnxruntime_alone(
    bench: tuple[BenchCluster, workload.Workload], figures: Document, tmp_path: Path
) -> None:
    """Needs the topic that the suite has filled."""
    cluster, _ = bench
    rows, shipped = Rows(cluster, features_of(cluster)), Path(ROOT / "model_artifacts")
    found: Document = {"rows": COUNT, "read": rows.rate("read", SIZE, shipped)}
    for size in SIZES:
        found[f"network, {size}"] = _compared(rows, "score", size, shipped)
    trees = tree_registry(tmp_path, rows.vectors())
    found[f"{TREES} trees, {SIZE}"] = _compared(rows, "score", SIZE, trees)
    found[f"network, {SIZE}, one worker"] = _compared(rows, "score", SIZE, shipped, 1)
    found[f"{TREES} trees, {SIZE}, one worker"] = _compared(rows, "score", SIZE, trees, 1)
    figures["call"] = found
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    trees_inside = found[f"{TREES} trees, {SIZE}"]
    assert trees_inside["inside"] < found["read"], "what scores cannot be faster than what only reads"
    if not SMALL:
        assert trees_inside["share"] >= LEAST_OF_ONNXRUNTIME


def _compared(rows: Rows, what: str, size: int, folder: Path, parallelism: int = SLOTS) -> Document:
    inside, raw = rows.rate(what, size, folder, parallelism), raw_rate(folder, rows.vectors(), size)
    return {"inside": round(inside), "raw": round(raw), "share": round(inside / raw, 3)}


def features_of(cluster: BenchCluster) -> list[tuple[bytes, bytes]]:
    messages = read_topic(cluster.deployment.kafka_properties, topics.FEATURES.name)
    found = [(message.key(), message.value()) for _, message in zip(range(COUNT), messages, strict=False)]
    assert found
    assert all(b'"schema":"features/1"' in value for _, value in found), "score_rows passes over these"
    return found


def raw_rate(folder: Path, vectors: Matrix, size: int) -> float:
    """Rows a second of onnxruntime alone, one thread, on ready arrays of so many rows."""
    registry = Registry(folder)
    pointer = registry.pointer(INTENT)
    assert pointer
    model = registry.load(INTENT, pointer, OFFERED)
    batch = model._filled(vectors[:size][:, [OFFERED.index(name) for name in model.manifest.names]])
    began, scored = time.perf_counter(), 0
    while time.perf_counter() - began < 2:
        model.session.run(None, {"features": batch})
        scored += len(batch)
    return scored / (time.perf_counter() - began)


def tree_registry(root: Path, vectors: Matrix) -> Path:
    """A registry whose purchase intent is as large as a LightGBM model of the trainer can be."""
    rows = np.nan_to_num(vectors, nan=TREES_MISSING)
    labels = np.random.default_rng(1).random(len(rows)) < 0.3
    options = {"objective": "binary", "num_leaves": LEAVES, "min_data_in_leaf": 2, "verbosity": -1, "seed": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(rows, label=labels), TREES)
    missing = np.full(len(OFFERED), TREES_MISSING, np.float32)
    graph = to_graph(Calibrated(Candidate("lightgbm", {}, booster, missing, False), 1.0, 0.0), len(OFFERED))
    model = Model(None, open_session(graph, "bench"))  # type: ignore[arg-type]
    scores = model.session.run(None, {"features": rows[:5]})[0]
    golden = [
        {"features": row.tolist(), "score": float(score)} for row, score in zip(rows[:5], scores, strict=True)
    ]
    weights = np.zeros(len(OFFERED)).tolist()
    written = models.write(
        root / INTENT, weights, content=graph, golden=golden, names=OFFERED, threshold=0.9, high=0.95
    )
    churn = models.write(root / CHURN, name=CHURN)
    for one in (written, churn):
        Registry(root).promote(one.name, one.version)
    return root
