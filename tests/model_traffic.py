"""What the stream would write of events: scores of a model, and features of events and ended sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import polars as pl

from connectors.features import NAMES
from connectors.model_inputs import CHURN, OFFERED
from connectors.model_runtime import Model
from jobs.training.events import with_sessions
from jobs.training.features import feature_rows
from jobs.training.rows import Moments, moment_table

GAP_MS = 1_800_000
_TEXTS = (
    "visitor_id",
    "session_no",
    "event_id",
    "event_no",
    "event_type",
    "event_time_ms",
    "device",
    "channel",
)


def scores(
    model: Model, events: pl.DataFrame, shadow: Callable[[float], float] | None = None
) -> Iterator[bytes]:
    """Documents of footfall.scores in the order of time, one a moment of the model."""
    kind, version = model.manifest.name, model.manifest.version
    taken = moment_table(kind, events, Moments()).sort("event_time_ms", maintain_order=True)
    vectors = _vectors(taken)
    found = model.score(vectors[:, [OFFERED.index(name) for name in model.manifest.names]])
    for row, vector, score in zip(taken.select(_TEXTS).to_dicts(), vectors, found.tolist(), strict=True):
        document = _document(row, vector) | {
            "score_id": f"{kind}-{row['event_id']}", "kind": kind, "model": {"version": version},
            "scored_at_ms": row["event_time_ms"] + (GAP_MS if kind == CHURN else 0),
            "score": score, "evidence": {"band": "low"},
        }  # fmt: skip
        yield orjson.dumps(
            document | ({"shadow": {"version": "o", "score": shadow(score)}} if shadow else {})
        )


def features(events: pl.DataFrame) -> Iterator[bytes]:
    """Documents of footfall.features in the order in which they come: of events, and of sessions that end."""
    rows = feature_rows(with_sessions(events).lazy()).collect()
    end_ms = int(rows["event_time_ms"].max())  # type: ignore[arg-type]
    documents, last = [], {}
    for row, vector in zip(rows.select(_TEXTS).to_dicts(), _vectors(rows), strict=True):
        document = _document(row, vector)
        documents.append((row["event_time_ms"], document))
        last[document["session_id"]] = document
    for document in last.values():
        if (over_ms := document["event_time_ms"] + GAP_MS) <= end_ms:
            documents.append((over_ms, document | {"session_ended": True}))
    yield from (orjson.dumps(document) for _, document in sorted(documents, key=lambda pair: pair[0]))


def _vectors(rows: pl.DataFrame) -> np.ndarray:  # type: ignore[type-arg]
    return rows.select(pl.col(OFFERED).cast(pl.Float32)).to_numpy()


def _document(row: dict[str, Any], vector: np.ndarray) -> dict[str, Any]:  # type: ignore[type-arg]
    names = ("visitor_id", "event_id", "event_no", "event_type", "event_time_ms", "device", "channel")
    return {
        **{name: row[name] for name in names if row[name] is not None},
        "session_id": f"{row['visitor_id']}/{row['session_no']}",
        "values": [None if value != value else value for value in vector[: len(NAMES)].tolist()],
    }
