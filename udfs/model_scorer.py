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
class Seat:
    """A role of one model: which version has it here, and how it has done."""

    stamp: int = 0
    model: Model | None = None
    places: list[int] = field(default_factory=list)
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
        self._seats: dict[tuple[str, str], Seat] = {}
        self._before: dict[str, Seat] = {}
        self._look_at = -np.inf
        self.counts: Counter[str] = Counter()

    def open(self, names: Sequence[str]) -> None:
        """Loads the live version of each model.

        Raises:
            ModelRefused: a model has none, or it does not pass; a job must not start without its models.
        """
        for name in names:
            seat = Seat(self._registry.stamp(name), self._loaded(name, LIVE))
            if seat.model is None:
                raise ModelRefused(f"{name}: no version is live under {self._registry.root}", "promote one")
            self._seats[name, LIVE] = self._seated(seat)
            self._seats[name, SHADOW] = Seat()
        self._look()

    def live(self, name: str) -> Manifest | None:
        """The manifest of the version that scores here."""
        seat = self._seats.get((name, LIVE))
        return seat.model.manifest if seat and seat.model else None

    def score(self, names: Sequence[str], rows: Matrix) -> list[Answer]:
        """The answer to each row: model, score, evidence (band, reasons, fallback), and the shadow's score.

        Args:
            names: the model that each row is for.
            rows: float32, the offered columns in their order; NaN is a missing value.
        """
        if self._clock() >= self._look_at:
            self._look()
        answers: list[Answer] = [{}] * len(rows)
        wanted = np.asarray(names)
        for name in dict.fromkeys(names):
            places = np.flatnonzero(wanted == name)
            for place, answer in zip(places, self._answers(name, rows[places]), strict=True):
                answers[place] = answer
        return answers

    def _answers(self, name: str, rows: Matrix) -> list[Answer]:
        seat = self._seats[name, LIVE]
        manifest = seat.loaded.manifest
        scores, faults = self._scored(seat, rows)
        seat.rows, seat.fallbacks = seat.rows + len(rows), seat.fallbacks + len(faults)
        self.counts.update(rows=len(rows), fallbacks=len(faults))
        reasons = _reasons(seat, rows, scores)
        shadow = self._shadowed(name, rows)
        reference = {"name": name, "version": manifest.version, "sha256": manifest.sha256}
        answers = []
        rounded, bands = np.round(scores, ROUND).tolist(), _bands(manifest, scores)
        for place, (score, band) in enumerate(zip(rounded, bands, strict=True)):
            evidence: Answer = {"band": band}
            if place in faults:
                evidence["fallback"] = faults[place]
            if place in reasons:
                evidence["reasons"] = reasons[place]
            answer: Answer = {"model": reference, "score": score, "evidence": evidence}
            if shadow:
                answer["shadow"] = {"version": shadow[0], "score": shadow[1][place]}
            answers.append(answer)
        self._judge(name, seat)
        return answers

    def _scored(self, seat: Seat, rows: Matrix) -> tuple[Scores, dict[int, str]]:
        """Scores with the fallback where there is none, and why."""
        manifest = seat.loaded.manifest
        try:
            scores = seat.loaded.score(rows[:, seat.places])
        except Exception as error:  # a row must not end the job; the version is judged by its fallbacks
            _LOG.warning("%s %s cannot score: %s", manifest.name, manifest.version, error)
            return np.full(len(rows), manifest.fallback), dict.fromkeys(range(len(rows)), "runtime_error")
        bad = ~np.isfinite(scores) | (scores < 0) | (scores > 1)
        faults = dict.fromkeys(np.flatnonzero(bad).tolist(), "not_a_probability")
        scores = np.where(bad, manifest.fallback, scores)
        if manifest.scores:
            counts = binned(scores[~bad], manifest.scores)
            seat.bins = counts if seat.bins is None else seat.bins + counts
        return scores, faults

    def _shadowed(self, name: str, rows: Matrix) -> tuple[str, list[float]] | None:
        seat = self._seats[name, SHADOW]
        if seat.model is None:
            return None
        scores, _ = self._scored(seat, rows)
        self.counts["shadow_rows"] += len(rows)
        return seat.model.manifest.version, np.round(scores, ROUND).tolist()

    def _look(self) -> None:
        """Follows the pointers that have changed."""
        self._look_at = self._clock() + POLL_SECONDS
        for (name, role), seat in list(self._seats.items()):
            stamp = self._registry.stamp(name, role)
            if stamp != seat.stamp:
                self._seats[name, role] = self._followed(name, role, seat, stamp)

    def _followed(self, name: str, role: str, seat: Seat, stamp: int) -> Seat:
        try:
            model = self._loaded(name, role)
        except ModelRefused as error:
            self.counts["refused"] += 1
            _LOG.error("refused, the version before stays: %s", error)
            return replace(seat, stamp=stamp)
        if model is None and role == LIVE:
            return replace(seat, stamp=stamp)
        if role == LIVE:
            self._before[name] = seat
            self.counts["swaps"] += 1
        return self._seated(Seat(stamp, model))

    def _loaded(self, name: str, role: str) -> Model | None:
        pointer = self._registry.pointer(name, role)
        return load_pointed(self._registry, name, pointer, self._offered) if pointer else None

    def _seated(self, seat: Seat) -> Seat:
        if seat.model:
            seat.places = [self._offered.index(name) for name in seat.model.manifest.names]
        return seat

    def _judge(self, name: str, seat: Seat) -> None:
        """Refuses a new version that does badly where the one before did not, for this worker alone.

        The registry is not written here: which version is live is decided in jobs/offline/models.py.
        """
        before = self._before.get(name)
        if before is None or before.model is None or seat.model is None or seat.rows < self._limits.rows:
            return
        share = seat.fallbacks / seat.rows
        has_moved = seat.drift > self._limits.drift >= before.drift
        if share > self._limits.fallback_share or has_moved:
            bad = seat.model.manifest.version
            self._seats[name, LIVE] = replace(before, stamp=seat.stamp)
            self.counts["taken_back"] += 1
            _LOG.error(
                "%s %s is taken back by this worker: %.1f %% fallbacks, drift %.2f; the registry stays as it "
                "is: decide with scripts/models rollback %s",
                name, bad, 100 * share, seat.drift, name,
            )  # fmt: skip
        del self._before[name]


def _bands(manifest: Manifest, scores: Scores) -> list[str]:
    """`Manifest.band` of each score."""
    reached = (scores >= manifest.threshold).astype(int)
    return [BANDS[number] for number in reached + (scores >= max(manifest.high, manifest.threshold))]


def _reasons(seat: Seat, rows: Matrix, scores: Scores) -> dict[int, list[dict[str, float | str]]]:
    """For rows above the threshold: the features that at their training median lower the score the most."""
    manifest = seat.loaded.manifest
    places = np.flatnonzero(scores >= manifest.threshold)
    tried = [name for name in manifest.importance if name in manifest.statistics][:TRIED]
    if not len(places) or not tried:
        return {}
    chosen = rows[places][:, seat.places]
    drops = scores[places][:, None] - _without(seat.loaded, chosen, tried)
    found = {}
    for at, place in enumerate(places.tolist()):
        best = [column for column in np.argsort(-drops[at])[:REASONS] if drops[at, column] > 0]
        found[place] = [
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
    for place, name in enumerate(names):
        changed[:, place, manifest.names.index(name)] = manifest.statistics[name].median
    scores = model.score(changed.reshape(-1, rows.shape[1]))
    return np.nan_to_num(scores).reshape(len(rows), len(names))
