"""Models at work: drift, quality once labels are known, shadow against live; over the log of scores."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from connectors.contracts.model_inputs import OFFERED, context_values
from connectors.contracts.model_manifest import Manifest
from connectors.errors import BadInput
from connectors.wording import plainly
from jobs.offline.training.evaluation import Judge
from jobs.offline.training.events import Events
from jobs.offline.training.examples import Floats
from jobs.offline.training.rows import Moments, labelled_moments
from state.drift import MIN_ROWS, binned, moved, stability_index

SCORE = "score"  # the name of the score among the features' indices
HOUR_MS = 3_600_000
CALENDAR = frozenset(
    {"hour_utc", "weekday_utc"}
)  # move by themselves within every window shorter than a week


@dataclass(frozen=True)
class ScoreLog:
    """Scores of one model as the topic has them, in the order of time.

    Attributes:
        rows: visitor_id, scored_at_ms, event_time_ms (of the latest event that was seen) and event_type,
            version, score, shadow_version, shadow_score, is_fallback.
        vectors: what was scored, a row each, in the order of `connectors.contracts.model_inputs.OFFERED`.
    """

    rows: pl.DataFrame
    vectors: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, chosen: pl.Series) -> ScoreLog:
        """The rows that are chosen."""
        return ScoreLog(self.rows.filter(chosen), self.vectors[chosen.to_numpy()])


_SCHEMA = {
    "score_id": pl.String, "visitor_id": pl.String, "scored_at_ms": pl.Int64, "event_time_ms": pl.Int64,
    "event_type": pl.String, "version": pl.String, "score": pl.Float64, "shadow_version": pl.String,
    "shadow_score": pl.Float64, "is_fallback": pl.Boolean,
}  # fmt: skip


def read_log(messages: Iterable[bytes], kind: str) -> ScoreLog:
    """The scores of one model among documents of the topic `footfall.scores`; a repeated one counts once."""
    found = {}
    for message in messages:
        document = orjson.loads(message)
        if document["kind"] == kind:
            found[document["score_id"]] = document
    order = sorted(found.values(), key=lambda document: (document["scored_at_ms"], document["score_id"]))
    return log_of(order)


def log_of(documents: Sequence[Mapping[str, Any]]) -> ScoreLog:
    """Documents of one model as a table, in their order."""
    rows = pl.DataFrame([_row(document) for document in documents], schema=_SCHEMA, orient="row")
    vectors = [(*document["values"], *_context(document)) for document in documents]
    return ScoreLog(rows, np.array(vectors, dtype=np.float32).reshape(len(vectors), len(OFFERED)))


def _row(document: Mapping[str, dict[str, object]]) -> tuple[object, ...]:
    shadow = document.get("shadow", {})
    return (
        document["score_id"], document["visitor_id"], document["scored_at_ms"], document["event_time_ms"],
        document["event_type"], document["model"]["version"], document["score"],
        shadow.get("version"), shadow.get("score"), "fallback" in document["evidence"],
    )  # fmt: skip


def _context(document: Mapping[str, Any]) -> tuple[float, ...]:
    return context_values(document.get("device"), document.get("channel"), document["event_type"])


def windows(log: ScoreLog, window_ms: int) -> Iterator[tuple[int, ScoreLog]]:
    """(start, rows) of every window of event time that has rows, aligned to the epoch."""
    starts = log.rows["scored_at_ms"] // window_ms
    for start in starts.unique(maintain_order=True):
        yield start * window_ms, log.where(starts == start)


@dataclass(frozen=True)
class Drift:
    """How far one window is from the training window.

    Attributes:
        from_ms: start of the window, epoch milliseconds.
        rows: in it.
        indices: stability index by feature, and of the score.
        alarms: names above the limit, the worst first; none when the window has too few rows to say.
    """

    from_ms: int
    rows: int
    indices: Mapping[str, float]
    alarms: tuple[str, ...]


def drift(log: ScoreLog, manifest: Manifest, window_ms: int, least: int = MIN_ROWS) -> list[Drift]:
    """The drift of each window against the manifest's statistics.

    Args:
        log: of the model.
        manifest: of the version; its inputs and its scores are looked at.
        window_ms: length of a window.
        least: rows below which a window raises no alarm.
    """
    found = []
    for start, part in windows(log, window_ms):
        indices = _indices(part, manifest)
        alarms = moved(indices) if len(part) >= least else []
        found.append(Drift(start, len(part), indices, tuple(alarms)))
    return found


def _indices(part: ScoreLog, manifest: Manifest) -> dict[str, float]:
    judged = [name for name in manifest.statistics if name not in CALENDAR]
    columns = {name: part.vectors[:, OFFERED.index(name)] for name in judged}
    indices = {
        name: stability_index(binned(values, manifest.statistics[name]), manifest.statistics[name])
        for name, values in columns.items()
    }
    mine = part.rows.filter(pl.col("version") == manifest.version)["score"].to_numpy()
    if manifest.scores and len(mine):
        indices[SCORE] = stability_index(binned(mine, manifest.scores), manifest.scores)
    return indices


@dataclass(frozen=True)
class Quality:
    """How good the scores of one version were in one window, now that the labels are known.

    Attributes:
        from_ms: start of the window, epoch milliseconds.
        version: of the model.
        rows: with a label that is known.
        positives: of them.
        metrics: as in `jobs.offline.training.evaluation`; empty when only one label occurs.
    """

    from_ms: int
    version: str
    rows: int
    positives: int
    metrics: Mapping[str, float]


def quality(
    log: ScoreLog, kind: str, events: Events, moments: Moments, manifest: Manifest, window_ms: int
) -> list[Quality]:
    """The quality of matured scores by window and version.

    Args:
        log: of the model.
        kind: of the model.
        events: that tell what happened afterwards, of the same visitors.
        moments: as the stream scores.
        manifest: its threshold is taken.
        window_ms: length of a window.
    """
    known = labelled_moments(kind, events, moments)
    joined = log.rows.join(known, on=["visitor_id", "event_time_ms"], how="inner")
    groups = joined.with_columns((pl.col("scored_at_ms") // window_ms * window_ms).alias("from_ms"))
    return [
        _quality(int(key[0]), str(key[1]), part, manifest)
        for key, part in groups.group_by("from_ms", "version", maintain_order=True)
    ]


def _quality(from_ms: int, version: str, part: pl.DataFrame, manifest: Manifest) -> Quality:
    labels, scores = part["label"].to_numpy().astype(bool), part["score"].to_numpy()
    both = 0 < labels.sum() < len(labels)
    metrics = Judge(labels, scores, manifest.threshold).metrics(np.ones(len(labels))) if both else {}
    return Quality(from_ms, version, len(labels), int(labels.sum()), metrics)


def comparison(log: ScoreLog, manifest: Manifest) -> dict[str, float]:
    """The shadow against the live version on the moments that both scored; empty when there is none."""
    both = log.rows.filter(pl.col("shadow_score").is_not_null())
    if not len(both):
        return {}
    live, shadow = both["score"].to_numpy(), both["shadow_score"].to_numpy()
    called = np.array([live >= manifest.threshold, shadow >= manifest.threshold])
    ranks = both.select(pl.corr("score", "shadow_score", method="spearman")).item()
    return {
        "rows": float(len(both)),
        "mean_live": float(live.mean()),
        "mean_shadow": float(shadow.mean()),
        "mean_difference": float(np.abs(live - shadow).mean()),
        "rank_correlation": float(ranks) if ranks is not None else float("nan"),
        "called_by_both": float(called.all(axis=0).mean()),
        "called_by_live_alone": float((called[0] & ~called[1]).mean()),
        "called_by_shadow_alone": float((~called[0] & called[1]).mean()),
    }


def lines_of(file: Path) -> Iterator[bytes]:
    """The lines of a file, plain or .gz.

    Raises:
        BadInput: it cannot be read.
    """
    opener: Callable[..., Any] = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rb") as stream:
            yield from (line for line in stream if line.strip())
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"{file} cannot be read: {plainly(error)}", "give the lines of footfall.scores, plain or .gz"
        ) from error
