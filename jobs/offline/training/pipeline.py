"""One training run: search, calibrate, judge, export; gives a version for the registry and its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson

from connectors.contracts.model_manifest import Distribution, Input, Manifest, Training
from connectors.models.files import GOLDEN, GRAPH, MANIFEST
from jobs.offline.training import evaluation
from jobs.offline.training.candidates import ALGORITHMS, Probabilities
from jobs.offline.training.evaluation import Estimate
from jobs.offline.training.examples import Examples, Floats, Split
from jobs.offline.training.export import (
    PARITY_ROWS,
    Calibrated,
    best_threshold,
    calibrate,
    digest,
    parity,
    to_graph,
)
from jobs.offline.training.search import TRIALS, Progress, search
from state.drift import distribution
from udfs.model_runtime import load

GOLDEN_ROWS = 25
PRIOR, LAST_ACTION = "prior", "last action"
HIGH_SHARE = 0.02  # the band `high` starts where this share of the validation part is left


@dataclass(frozen=True)
class Task:
    """What is to be learnt.

    Attributes:
        name: of the model.
        label: what the score is the probability of, in words.
        seed: of everything random.
        code_version: of Footfall.
        trials: of the search, by algorithm.
    """

    name: str
    label: str
    seed: int
    code_version: str
    trials: Mapping[str, int]


@dataclass(frozen=True)
class Outcome:
    """What a run found.

    Attributes:
        task: what was to be learnt.
        split: the rows.
        chosen: algorithm with the greatest average precision on the validation part, sessions weighing alike.
        models: every algorithm's best candidate, calibrated.
        scores: of the test rows, by algorithm and by baseline.
        estimates: metrics of `scores` on all test rows.
        by_point: metrics on the test rows of one point: point -> scorer -> metric.
        threshold: of the chosen model.
        parity: greatest difference of the ONNX graph to the native model, on `parity_rows` rows.
        parity_rows: how many rows were compared.
        suspects: features that alone know the answer, with their AUC.
        manifest: of the version.
    """

    task: Task
    split: Split
    chosen: str
    models: Mapping[str, Calibrated]
    scores: Mapping[str, Probabilities]
    estimates: Mapping[str, Mapping[str, Estimate]]
    by_point: Mapping[str, Mapping[str, Mapping[str, Estimate]]]
    threshold: float
    parity: float
    parity_rows: int
    suspects: Mapping[str, float]
    manifest: Manifest

    def beats(self, baseline: str, point: str | None = None) -> bool:
        """Whether the chosen model's interval of average precision lies above the baseline's."""
        found = self.by_point[point] if point else self.estimates
        return found[self.chosen]["average_precision"].low > found[baseline]["average_precision"].high


def run(task: Task, split: Split, folder: Path, progress: Progress = lambda _: None) -> Outcome:
    """Trains, judges on the test part and writes the version's three files into `folder`.

    Raises:
        ModelRefused: the ONNX graph is not what the native model is.
    """
    split = split.without(split.train.constant())
    models = _fitted(task, split, progress)
    on_valid = {name: model.predict(split.valid.features) for name, model in models.items()}
    chosen = max(on_valid, key=lambda name: _average_precision(split.valid, on_valid[name]))
    threshold = best_threshold(on_valid[chosen], split.valid.labels)
    scores = {name: model.predict(split.test.features) for name, model in models.items()} | _baselines(split)
    progress("judging")
    estimates, by_point = _judged(split.test, scores, threshold, task.seed)
    graph = to_graph(models[chosen], len(split.train.names))
    compared = parity_rows(split, task.seed)
    difference = parity(models[chosen], graph, compared)
    high = float(np.quantile(on_valid[chosen], 1 - HIGH_SHARE))
    manifest = _write(
        folder, graph, task, split, models[chosen], (threshold, high), estimates[chosen], scores[chosen]
    )
    load(folder / manifest.version)
    return Outcome(
        task, split, chosen, models, scores, estimates, by_point, threshold, difference, len(compared),
        evaluation.too_good(split.train), manifest,
    )  # fmt: skip


def _fitted(task: Task, split: Split, progress: Progress) -> dict[str, Calibrated]:
    asked = {name: task.trials.get(name, TRIALS[name]) for name in ALGORITHMS}
    return {
        name: calibrate(search(name, split, task.seed, trials, progress), split.valid)
        for name, trials in asked.items()
        if trials
    }


def _average_precision(rows: Examples, scores: Probabilities) -> float:
    return evaluation.Judge(rows.labels, scores, 1.0).metrics(rows.weights)["average_precision"]


def _baselines(split: Split) -> dict[str, Probabilities]:
    return {
        PRIOR: np.full(len(split.test), split.train.share),
        LAST_ACTION: evaluation.last_action_rule(split.train, split.test),
    }


def _judged(
    test: Examples, scores: Mapping[str, Probabilities], threshold: float, seed: int
) -> tuple[dict[str, dict[str, Estimate]], dict[str, dict[str, dict[str, Estimate]]]]:
    everywhere = {name: evaluation.evaluate(test, found, threshold, seed) for name, found in scores.items()}
    points = sorted({point for text in np.unique(test.points) for point in text.split("+")})
    by_point = {}
    for point in points:
        rows = np.array([point in text.split("+") for text in test.points], dtype=bool)
        part = test.where(rows)
        if 0 < part.share < 1:
            by_point[point] = {
                name: evaluation.evaluate(part, found[rows], threshold, seed)
                for name, found in scores.items()
            }
    return everywhere, by_point


def parity_rows(split: Split, seed: int) -> Floats:
    """At least 10,000 rows: those of every part and, if these are fewer, rows of columns mixed at random."""
    rows = np.concatenate([split.test.features, split.valid.features, split.train.features])
    if len(rows) >= PARITY_ROWS:
        return rows[: 2 * PARITY_ROWS]
    rng = np.random.default_rng(seed)
    mixed = np.column_stack([rng.choice(column, PARITY_ROWS - len(rows)) for column in rows.T])
    return np.concatenate([rows, mixed.astype(np.float32)])


def _write(
    folder: Path,
    graph: bytes,
    task: Task,
    split: Split,
    model: Calibrated,
    cuts: tuple[float, float],
    estimates: Mapping[str, Estimate],
    scores: Probabilities,
) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    golden = _golden(model, split)
    train, candidate = split.train, model.candidate
    last_day = datetime.fromtimestamp(int(split.valid.at_ms.max()) / 1000, UTC)
    manifest = Manifest(
        schema="model/1",
        name=task.name,
        version=f"{last_day:%Y%m%d}-{digest(graph)[:8]}",
        sha256=digest(graph),
        golden_sha256=digest(golden),
        inputs=tuple(
            Input(name=name, missing=float(value))
            for name, value in zip(train.names, candidate.missing, strict=True)
        ),
        threshold=cuts[0],
        high=cuts[1],
        fallback=train.share,
        training=_training(task, split, candidate.algorithm, candidate.parameters),
        metrics={name: round(estimate.value, 6) for name, estimate in estimates.items()},
        statistics=_statistics(train),
        scores=distribution(scores),
        importance=_importance(train.names, candidate.weights),
        code_version=task.code_version,
    )
    for name, content in ((GRAPH, graph), (GOLDEN, golden), (MANIFEST, manifest.to_json().encode())):
        (folder / manifest.version).mkdir(exist_ok=True)
        (folder / manifest.version / name).write_bytes(content)
    return manifest


def _training(task: Task, split: Split, algorithm: str, parameters: Mapping[str, object]) -> Training:
    train = split.train
    return Training(
        from_ms=int(train.at_ms.min()),
        to_ms=int(split.valid.at_ms.max()),
        rows=len(train),
        positives=int(train.labels.sum()),
        label=task.label,
        points=tuple(sorted({point for text in np.unique(train.points) for point in text.split("+")})),
        seed=task.seed,
        algorithm=algorithm,
        parameters=dict(parameters),
    )


def _statistics(rows: Examples) -> dict[str, Distribution]:
    return {name: distribution(rows.features[:, index]) for index, name in enumerate(rows.names)}


def _importance(names: Sequence[str], weights: Probabilities) -> dict[str, float]:
    shares = sorted(zip(names, weights, strict=True), key=lambda pair: -pair[1])
    return {name: round(float(share), 6) for name, share in shares if share > 0}


def _golden(model: Calibrated, split: Split) -> bytes:
    """Rows over the whole range of scores, with what the native model says."""
    scores = model.predict(split.test.features)
    indices = np.unique(
        np.argsort(scores, kind="stable")[np.linspace(0, len(scores) - 1, GOLDEN_ROWS).astype(int)]
    )
    rows = split.test.features[indices]
    lines = [
        {"features": [None if np.isnan(value) else float(value) for value in row], "score": float(score)}
        for row, score in zip(rows, scores[indices], strict=True)
    ]
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)
