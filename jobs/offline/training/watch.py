"""A model under standing watch: windows of event time close, drift and matured quality are judged. Pure.

Everything that is kept is bounded and goes into `to_json`, so a watch that stops anywhere goes on from the
offsets in the topics that belong to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from connectors.contracts.model_inputs import OFFERED, OPTIONAL
from connectors.contracts.model_manifest import Distribution, Manifest
from jobs.offline.training.evaluation import Estimate, estimates
from jobs.offline.training.maturing import Document, Maturing, Waiting, hashed, labelled
from jobs.offline.training.monitor import CALENDAR, SCORE, ScoreLog, log_of
from state.drift import MIN_ROWS, binned, moved, stability_index

MARGIN_MS = 300_000  # a window closes when scores are seen so long after its end
MIN_EACH = 20  # rows of each label, for intervals that mean something
FALLBACK_SHARE = 0.02
AUC_LOST = 0.05
BIASED = 0.05
FALLBACKS, AUC, BIAS = "fallbacks", "auc", "bias"
# What a watch counts: scores that came after their window (or again), scores of a version that the registry
# has not, scores whose label never came; windows that were judged and those of them with an alarm.
COUNTS = (
    "late", "unknown_version", "unlabelled",
    "drift_windows", "drift_alarms", "quality_windows", "quality_alarms",
)  # fmt: skip
Manifests = Callable[[str], Manifest | None]


@dataclass(frozen=True)
class Spans:
    """How long things last, milliseconds.

    Attributes:
        drift_ms: window of drift.
        quality_ms: window of quality.
        horizon_ms: until every label is known: churn's horizon, or the longest session.
    """

    drift_ms: int
    quality_ms: int
    horizon_ms: int


@dataclass(frozen=True)
class Finding:
    """One window of one version, judged.

    Attributes:
        model: its name.
        version: of the model.
        what: drift or quality.
        from_ms: start of the window, event time; `to_ms` its end.
        to_ms: see there.
        rows: scores that were judged; of quality those with a label.
        values: drift: stability index by feature, of the score, and the share of fallbacks; quality: value,
            low and high by metric.
        alarms: what is out of bounds, the worst first.
    """

    model: str
    version: str
    what: str
    from_ms: int
    to_ms: int
    rows: int
    values: Mapping[str, Any]
    alarms: tuple[str, ...]


@dataclass
class Tally:
    """What one version saw in one window: counts by bin, nothing of any visitor.

    Attributes:
        ids: hashes of the scores, so that a repeated one counts once.
        fallbacks: scores that no graph gave.
        counts: by feature, and of the score.
    """

    ids: set[int] = field(default_factory=set)
    fallbacks: int = 0
    counts: dict[str, list[int]] = field(default_factory=dict)

    def add(self, log: ScoreLog, references: Mapping[str, Distribution]) -> None:
        """Counts rows of the version."""
        scores = log.rows["score"].to_numpy()
        self.fallbacks += int(log.rows["is_fallback"].sum())
        for name, reference in references.items():
            values = scores if name == SCORE else log.vectors[:, OFFERED.index(name)]
            now = binned(values, reference)
            self.counts[name] = (now + np.array(self.counts.get(name, 0))).tolist()


@dataclass
class Watch:
    """One model under watch.

    Attributes:
        model: its name.
        spans: how long windows are.
        manifests: the manifest of a version; None for one that the registry does not have.
        maturing: scores that wait for their labels.
        tallies: by start of the window and version.
        scored_ms: the newest score, event time.
        closed_ms: drift is judged up to here; 0 before the first score.
        counts: by name of COUNTS since the beginning.
    """

    model: str
    spans: Spans
    manifests: Manifests
    maturing: Maturing = field(init=False)
    tallies: dict[tuple[int, str], Tally] = field(default_factory=dict)
    scored_ms: int = 0
    closed_ms: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))

    def __post_init__(self) -> None:
        self.maturing = Maturing(self.model, self.spans.horizon_ms)

    def add_scores(self, documents: Iterable[Document]) -> None:
        """Documents of the topic of scores; those of other models are passed over."""
        groups: dict[tuple[int, str], list[Document]] = {}
        for document in documents:
            if document["kind"] == self.model and self.maturing.keeps(document["visitor_id"]):
                key = self._window(document)
                if key and self._is_new(key, document):
                    groups.setdefault(key, []).append(document)
                    if self.model not in OPTIONAL:  # nothing that happens says whether a cluster is right
                        self.maturing.add_score(document)
        for key, group in groups.items():
            self.tallies[key].add(log_of(group), self._references(key[1]))

    def _references(self, version: str) -> dict[str, Distribution]:
        """What is compared: every input that does not move by itself, and the score."""
        manifest = self.manifests(version)
        if manifest is None:
            return {}
        judged = {name: found for name, found in manifest.statistics.items() if name not in CALENDAR}
        return judged | ({SCORE: manifest.scores} if manifest.scores else {})

    def _window(self, document: Document) -> tuple[int, str] | None:
        """The window and version of a score; None when there is none any more."""
        at_ms, version = document["scored_at_ms"], document["model"]["version"]
        self.scored_ms = max(self.scored_ms, at_ms)
        if at_ms < self.closed_ms:
            self.counts["late"] += 1
        elif self.manifests(version) is None:
            self.counts["unknown_version"] += 1
        else:
            return at_ms // self.spans.drift_ms * self.spans.drift_ms, version
        return None

    def _is_new(self, key: tuple[int, str], document: Document) -> bool:
        ids, score_id = self.tallies.setdefault(key, Tally()).ids, hashed(document["score_id"])
        if score_id in ids:
            return False
        ids.add(score_id)
        return True

    def add_features(self, documents: Iterable[Document]) -> None:
        """Documents of the topic of features."""
        for document in documents:
            if self.maturing.keeps(document["visitor_id"]):
                self.maturing.add_features(document)

    def close(self) -> list[Finding]:
        """Judges the windows that are over. To be called when both topics are read to their ends."""
        known_ms = self.scored_ms - MARGIN_MS
        self.closed_ms = max(known_ms // self.spans.drift_ms * self.spans.drift_ms, self.closed_ms)
        over = sorted(key for key in self.tallies if key[0] < self.closed_ms)
        found = [self._drift(key, self.tallies.pop(key)) for key in over]
        self.maturing.settle(self.scored_ms)
        found += self._judged()
        for finding in found:
            self.counts[f"{finding.what}_windows"] += 1
            self.counts[f"{finding.what}_alarms"] += bool(finding.alarms)
        return found

    def _drift(self, key: tuple[int, str], tally: Tally) -> Finding:
        (from_ms, version), rows = key, len(tally.ids)
        known = self._references(version)
        indices = {
            name: stability_index(np.array(counts), known[name])
            for name, counts in tally.counts.items()
            if name in known
        }
        share = tally.fallbacks / max(rows, 1)
        alarms = [*moved(indices), *([FALLBACKS] if share > FALLBACK_SHARE else [])]
        return Finding(
            self.model, version, "drift", from_ms, from_ms + self.spans.drift_ms, rows,
            {**indices, FALLBACKS: share}, tuple(alarms) if rows >= MIN_ROWS else (),
        )  # fmt: skip

    def _judged(self) -> Iterator[Finding]:
        """Windows of quality whose labels are known, the oldest first."""
        while rows := list(self.maturing.rows()):
            from_ms = min(row.at_ms for row in rows) // self.spans.quality_ms * self.spans.quality_ms
            until_ms = from_ms + self.spans.quality_ms
            if self.closed_ms < until_ms or not self.maturing.is_due(until_ms):
                return
            taken = self.maturing.take(until_ms)
            known = labelled(taken)
            self.counts["unlabelled"] += len(taken) - len(known)
            for version in sorted({row.version for row in known}):
                part = [row for row in known if row.version == version]
                yield self._quality(version, from_ms, part)

    def _quality(self, version: str, from_ms: int, rows: Sequence[Waiting]) -> Finding:
        manifest = self.manifests(version)
        found = quality_of(rows, manifest.threshold) if manifest else {}
        alarms = quality_alarms(found, manifest) if manifest and len(rows) >= MIN_ROWS else ()
        positives = sum(bool(row.label) for row in rows)
        values = {"positives": positives} | {
            name: [round(x, 6) for x in (one.value, one.low, one.high)] for name, one in found.items()
        }
        until_ms = from_ms + self.spans.quality_ms
        return Finding(self.model, version, "quality", from_ms, until_ms, len(rows), values, alarms)

    def to_json(self) -> dict[str, Any]:
        """What a restart needs."""
        tallies = [
            [*key, sorted(tally.ids), tally.fallbacks, tally.counts] for key, tally in self.tallies.items()
        ]
        return {
            "spans": asdict(self.spans), "maturing": self.maturing.to_json(), "tallies": tallies,
            "scored_ms": self.scored_ms, "closed_ms": self.closed_ms, "counts": self.counts,
        }  # fmt: skip

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Takes up what `to_json` gave."""
        self.maturing.restore(kept["maturing"])
        self.tallies = {
            (start, version): Tally(set(ids), fallbacks, counts)
            for start, version, ids, fallbacks, counts in kept["tallies"]
        }
        self.scored_ms, self.closed_ms = kept["scored_ms"], kept["closed_ms"]
        self.counts = dict(kept["counts"])


def quality_of(rows: Sequence[Waiting], threshold: float) -> dict[str, Estimate]:
    """Metrics with intervals by resampled visitors; empty when a label is too rare to say."""
    labels = np.array([row.label for row in rows], dtype=bool)
    if min(labels.sum(), (~labels).sum()) < MIN_EACH:
        return {}
    scores, owners = np.array([row.score for row in rows]), np.array([row.owner for row in rows])
    return estimates(labels, scores, owners, threshold, seed=1)


def quality_alarms(found: Mapping[str, Estimate], manifest: Manifest) -> tuple[str, ...]:
    """What is surely worse than at training: the whole interval must be out of bounds."""
    if not found:
        return ()
    ranks = found[AUC].high < manifest.metrics.get(AUC, 0.0) - AUC_LOST
    calibrated = found[BIAS].low <= BIASED and found[BIAS].high >= -BIASED
    return (AUC,) * ranks + (BIAS,) * (not calibrated)
