"""What scoring costs: a moment by the size of its batch, against onnxruntime alone; the suite with it and without.

FOOTFALL_BENCH_COPIES sizes the stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from connectors.contracts.model_inputs import CHURN, INTENT, MODELS, OFFERED
from connectors.models.registry import Registry
from jobs.offline import models as roles
from jobs.offline.training.candidates import TREES_MISSING, Candidate
from jobs.offline.training.export import Calibrated, to_graph
from stack.package import ROOT
from state.visitor import Moment
from state.visitors.scoring import BatchScorer, matrix
from tests import models
from tests.bench import engine_run, figures, workload
from tests.bench.engine_run import HOUR_MS
from tests.bench.stack_runs import fresh_stack
from udfs.model_runtime import Matrix, Model, load_pointed, open_session
from udfs.model_scorer import Scorer

COPIES, MOST = figures.number("COPIES", 2), figures.number("MOST", 0) or None
SHIPPED = ROOT / "model_artifacts"
SIZES = (1, 10, 100, 1_000, 5_000)
TREES, LEAVES = 200, 31  # the most that the trainer makes, and LightGBM's default
SECONDS = 1.0  # of each measurement
MOST_OVER_ONNXRUNTIME = 4.0  # times its rows' time, of a thousand rows of the largest trees
MOST_OF_THE_SUITE = 0.5


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """Those at which the engine asks for purchase intent."""
    work, asked = workload.make(tmp_path_factory.mktemp("bench"), 1, 60_000), list[Moment]()
    engine_run.calm_collector()
    real = Scorer(Registry(SHIPPED), OFFERED)
    real.open(MODELS)

    def score(names: list[str], found: list[Moment]) -> list[Any]:
        asked.extend(moment for name, moment in zip(names, found, strict=True) if name == INTENT)
        return real.score(names, matrix(found))

    engine = engine_run.engine(folder=SHIPPED)
    engine.visitors_logic._models._scorer = BatchScorer(score)
    engine_run.run(engine, engine_run.cut(work.messages(), HOUR_MS))
    return asked


def test_a_moment_by_the_size_of_its_batch(moments: list[Moment], tmp_path: Path) -> None:
    """The shipped model, and one as large as the trainer makes them: answers with reasons, and the graph alone."""
    found: dict[str, dict[int, float]] = {}
    large = tree_registry(tmp_path, matrix(moments[: 2 * SIZES[-1]]))
    for name, folder in (("shipped model", SHIPPED), ("largest trees", large)):
        scorer = Scorer(Registry(folder), OFFERED)
        scorer.open(MODELS)
        found[name] = {size: _answers(scorer, moments, size) for size in SIZES}
        found[f"{name}, onnxruntime alone"] = {size: _alone(folder, moments, size) for size in SIZES}
    rows = [[name, *(f"{us:.1f}" for us in row.values())] for name, row in found.items()]
    figures.show("microseconds of CPU a moment, by moments of a call", ["", *map(str, SIZES)], rows)
    figures.write("scoring", microseconds=found)
    trees = found["largest trees"][1_000] / found["largest trees, onnxruntime alone"][1_000]
    assert trees <= MOST_OVER_ONNXRUNTIME


def _answers(scorer: Scorer, moments: list[Moment], size: int) -> float:
    names, asked = [INTENT] * size, (moments * (size // len(moments) + 1))[:size]
    return _each_us(lambda: scorer.score(names, matrix(asked)), size)


def _alone(folder: Path, moments: list[Moment], size: int) -> float:
    registry = Registry(folder)
    pointer = registry.pointer(INTENT)
    assert pointer
    model = load_pointed(registry, INTENT, pointer, OFFERED)
    columns = [OFFERED.index(name) for name in model.manifest.names]
    batch = model._filled(matrix((moments * (size // len(moments) + 1))[:size])[:, columns])
    return _each_us(lambda: model.session.run(None, {"features": batch}), size)


def _each_us(call: Callable[[], object], size: int) -> float:
    """Microseconds of processor time a row."""
    call()
    calls, began = 0, time.process_time()
    while time.process_time() - began < SECONDS:
        call()
        calls += 1
    return 1e6 * (time.process_time() - began) / (calls * size)


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
    for one in (written, models.write(root / CHURN, name=CHURN)):
        roles.promote(Registry(root), one.name, one.version)
    return root


def test_the_suite_with_models_and_without(tmp_path: Path) -> None:
    """In turn on one stack, index off; the second round counts."""
    work, rates = workload.make(tmp_path, COPIES, MOST), dict[bool, float]()
    with fresh_stack(tmp_path / "stack") as stack:
        for scoring in (False, True, False, True):
            run = stack.run_suite(work, "benchjobs.suite_without_index", scoring=scoring)
            rates[scoring] = run.rate
    share = 1 - rates[True] / rates[False]
    rows = [["without models", f"{rates[False]:,.0f}"], ["with both", f"{rates[True]:,.0f}"]]
    figures.show(f"events/s; models take {share:.0%}", ["", "events/s"], rows)
    figures.write("scoring_suite", events=work.events, rates={str(key): rate for key, rate in rates.items()})
    assert share < MOST_OF_THE_SUITE
