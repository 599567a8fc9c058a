"""Scoring batches with whichever versions are live and shadowing at the moment: what a worker does.

A worker looks at the pointers at most every two seconds, and only between batches: a row is scored by the one
version that is live when its batch begins. A version that cannot be used is refused and the one before stays.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from connectors.contracts.model_manifest import Manifest
from connectors.errors import ModelRefused
from connectors.models.registry import LIVE, SHADOW, Registry
from connectors.wording import plainly
from state.drift import MOVED, binned, stability_index
from udfs.model_runtime import Matrix, Model, Scores, load_pointed

Answer = dict[str, Any]

POLL_SECONDS = 2.0
REASONS = 2  # features that are named
TRIED = 5  # features that are tried for it, the most important ones
ROUND = 6
BANDS = ("low", "medium", "high")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """When a version that was promoted while the worker ran is taken back.

    Attributes:
        rows: judged after so many.
        fallback_share: more rows than this share without a score.
        drift: the stability index of its scores above this, while the version before was below it.
    """

    rows: int = 1_000
    fallback_share: float = 0.02
    drift: float = MOVED


@dataclass
class ServedVersion:
    """The version that serves one role of a model on this worker, and how it has done."""

    stamp: int = 0
    model: Model | None = None
    columns: list[int] = field(default_factory=list)
    rows: int = 0
    fallbacks: int = 0
    bins: np.ndarray | None = None  # type: ignore[type-arg]

    @property
    def loaded(self) -> Model:
        """The version.

        Raises:
            ModelRefused: there is none.
        """
        if self.model is None:
            raise ModelRefused("a worker was asked for scores before it had loaded a model")
        return self.model

    @property
    def drift(self) -> float:
        """Stability index of the scores so far, 0 when nothing can be said."""
        reference = self.model.manifest.scores if self.model else None
        return stability_index(self.bins, reference) if reference and self.bins is not None else 0.0


@dataclass
class Scored:
    """What a version says of some rows.

    Attributes:
        scores: with the fallback where there is none.
        faults: why, by row.
        clusters: name of each row's cluster; empty where there are none.
    """

    scores: Scores
    faults: dict[int, str]
    clusters: list[str]


class Scorer:
    """Scores rows by the name of their model.

    Attributes:
        counts: of `rows`, `fallbacks`, `swaps`, `refused`, `taken_back`, `shadow_rows` since the start.

    Args:
        registry: where the versions are.
        offered: names of the columns that rows have.
        limits: when a version is taken back.
        clock: seconds, rising.
    """

    def __init__(
        self,
        registry: Registry,
        offered: Sequence[str],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._offered = tuple(offered)
        self._limits = limits or Limits()
        self._clock = clock
        self._served: dict[tuple[str, str], ServedVersion] = {}
        self._before: dict[str, ServedVersion] = {}
        self._look_at = -np.inf
        self.counts: Counter[str] = Counter()

    def open(self, names: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Loads the live version of each model.

        Args:
            names: of the models that must have one.
            optional: of those that may get one while the job runs.

        Raises:
            ModelRefused: a model has none, or it does not pass; a job must not start without its models.
        """
        for name in (*names, *optional):
            served = ServedVersion(self._registry.stamp(name), self._loaded(name, LIVE))
            if served.model is None and name not in optional:
                raise ModelRefused(f"{name}: no version is live under {self._registry.root}", "promote one")
            self._served[name, LIVE] = self._with_columns(served)
            self._served[name, SHADOW] = ServedVersion()
        self._look()

    def live(self, name: str) -> Manifest | None:
        """The manifest of the version that scores here."""
        served = self._served.get((name, LIVE))
        return served.model.manifest if served and served.model else None

    def score(self, names: Sequence[str], rows: Matrix) -> list[Answer]:
        """The answer to each row: model, score, evidence (band, cluster, reasons, fallback), shadow.

        An optional model without a live version answers nothing.

        Args:
            names: the model that each row is for.
            rows: float32, the offered columns in their order; NaN is a missing value.
        """
        if self._clock() >= self._look_at:
            self._look()
        answers: list[Answer] = [{}] * len(rows)
        wanted = np.asarray(names)
        for name in dict.fromkeys(names):
            indices = np.flatnonzero(wanted == name)
            for index, answer in zip(indices, self._answers(name, rows[indices]), strict=True):
                answers[index] = answer
        return answers

    def _answers(self, name: str, rows: Matrix) -> list[Answer]:
        served = self._served[name, LIVE]
        if served.model is None:
            return [{}] * len(rows)
        manifest = served.loaded.manifest
        found = self._scored(served, rows)
        scores, faults = found.scores, found.faults
        served.rows, served.fallbacks = served.rows + len(rows), served.fallbacks + len(faults)
        self.counts.update(rows=len(rows), fallbacks=len(faults))
        reasons = _reasons(served, rows, scores)
        shadow = self._shadowed(name, rows)
        reference = {"name": name, "version": manifest.version, "sha256": manifest.sha256}
        answers = []
        rounded, bands = np.round(scores, ROUND).tolist(), _bands(manifest, scores)
        for index, (score, band) in enumerate(zip(rounded, bands, strict=True)):
            evidence: Answer = {"band": band, **_cluster_of(found, index)}
            if index in faults:
                evidence["fallback"] = faults[index]
            if index in reasons:
                evidence["reasons"] = reasons[index]
            answer: Answer = {"model": reference, "score": score, "evidence": evidence}
            if shadow:
                answer["shadow"] = shadow[index]
            answers.append(answer)
        self._judge(name, served)
        return answers

    def _scored(self, served: ServedVersion, rows: Matrix) -> Scored:
        manifest = served.loaded.manifest
        try:
            scores, numbers = served.loaded.assign(rows[:, served.columns])
            names = [manifest.clusters[number].name for number in numbers.tolist()]
        except Exception as error:  # a row must not end the job; the version is judged by its fallbacks
            _LOG.warning("%s %s cannot score: %s", manifest.name, manifest.version, plainly(error))
            faults = dict.fromkeys(range(len(rows)), "runtime_error")
            return Scored(np.full(len(rows), manifest.fallback), faults, [])
        bad = ~np.isfinite(scores) | (scores < 0) | (scores > 1)
        faults = dict.fromkeys(np.flatnonzero(bad).tolist(), "not_a_probability")
        scores = np.where(bad, manifest.fallback, scores)
        if manifest.scores:
            counts = binned(scores[~bad], manifest.scores)
            served.bins = counts if served.bins is None else served.bins + counts
        return Scored(scores, faults, names)

    def _shadowed(self, name: str, rows: Matrix) -> list[Answer]:
        """What the shadow says of each row; nothing where none shadows."""
        served = self._served[name, SHADOW]
        if served.model is None:
            return []
        found, version = self._scored(served, rows), served.model.manifest.version
        self.counts["shadow_rows"] += len(rows)
        scores = np.round(found.scores, ROUND).tolist()
        return [
            {"version": version, "score": score, **_cluster_of(found, index)}
            for index, score in enumerate(scores)
        ]

    def _look(self) -> None:
        """Follows the pointers that have changed."""
        self._look_at = self._clock() + POLL_SECONDS
        for (name, role), served in list(self._served.items()):
            stamp = self._registry.stamp(name, role)
            if stamp != served.stamp:
                self._served[name, role] = self._followed(name, role, served, stamp)

    def _followed(self, name: str, role: str, served: ServedVersion, stamp: int) -> ServedVersion:
        try:
            model = self._loaded(name, role)
        except ModelRefused as error:
            self.counts["refused"] += 1
            _LOG.error("refused, the version before stays: %s", error)
            return replace(served, stamp=stamp)
        if model is None and role == LIVE:
            return replace(served, stamp=stamp)
        if role == LIVE:
            self._before[name] = served
            self.counts["swaps"] += 1
        return self._with_columns(ServedVersion(stamp, model))

    def _loaded(self, name: str, role: str) -> Model | None:
        pointer = self._registry.pointer(name, role)
        return load_pointed(self._registry, name, pointer, self._offered) if pointer else None

    def _with_columns(self, served: ServedVersion) -> ServedVersion:
        if served.model:
            served.columns = [self._offered.index(name) for name in served.model.manifest.names]
        return served

    def _judge(self, name: str, served: ServedVersion) -> None:
        """Refuses a new version that does badly where the one before did not, for this worker alone.

        The registry is not written here: which version is live is decided in jobs/offline/models.py.
        """
        before = self._before.get(name)
        if before is None or before.model is None or served.model is None or served.rows < self._limits.rows:
            return
        share = served.fallbacks / served.rows
        has_moved = served.drift > self._limits.drift >= before.drift
        if share > self._limits.fallback_share or has_moved:
            bad = served.model.manifest.version
            self._served[name, LIVE] = replace(before, stamp=served.stamp)
            self.counts["taken_back"] += 1
            _LOG.error(
                "%s %s is taken back by this worker: %.1f %% fallbacks, drift %.2f; the registry stays as it "
                "is: decide with scripts/models rollback %s",
                name, bad, 100 * share, served.drift, name,
            )  # fmt: skip
        del self._before[name]


def _cluster_of(found: Scored, index: int) -> Answer:
    """The cluster of a row, as a member; none where there are no clusters, or no number came."""
    is_known = found.clusters and index not in found.faults
    return {"cluster": found.clusters[index]} if is_known else {}


def _bands(manifest: Manifest, scores: Scores) -> list[str]:
    """`Manifest.band` of each score."""
    if manifest.clusters:
        return ["low"] * len(scores)
    reached = (scores >= manifest.threshold).astype(int)
    return [BANDS[number] for number in reached + (scores >= max(manifest.high, manifest.threshold))]


def _reasons(served: ServedVersion, rows: Matrix, scores: Scores) -> dict[int, list[dict[str, float | str]]]:
    """For rows above the threshold: the features that at their training median lower the score the most."""
    manifest = served.loaded.manifest
    indices = np.flatnonzero(scores >= manifest.threshold)
    tried = [name for name in manifest.importance if name in manifest.statistics][:TRIED]
    if not len(indices) or not tried:
        return {}
    chosen = rows[indices][:, served.columns]
    drops = scores[indices][:, None] - _without(served.loaded, chosen, tried)
    found = {}
    for at, index in enumerate(indices.tolist()):
        best = [column for column in np.argsort(-drops[at])[:REASONS] if drops[at, column] > 0]
        found[index] = [
            {
                "feature": tried[column],
                "value": float(chosen[at, manifest.names.index(tried[column])]),
                "effect": round(float(drops[at, column]), 4),
            }
            for column in best
        ]
    return found


def _without(model: Model, rows: Matrix, names: Sequence[str]) -> Scores:
    """The scores with each of the features at its training median: a column for each feature."""
    manifest = model.manifest
    changed = np.repeat(rows[:, None, :], len(names), axis=1)
    for index, name in enumerate(names):
        changed[:, index, manifest.names.index(name)] = manifest.statistics[name].median
    scores = model.score(changed.reshape(-1, rows.shape[1]))
    return np.nan_to_num(scores).reshape(len(rows), len(names))
