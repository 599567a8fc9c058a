"""Scores features: one call is one Arrow batch, scored by the version that is live at that moment."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
from pyflink.table import DataTypes, ScalarFunction
from pyflink.table.udf import udf

from connectors.model_inputs import MODELS, OFFERED, context_values
from connectors.model_registry import Registry
from connectors.model_runtime import Matrix
from connectors.model_scorer import Scorer
from connectors.scores import answer_texts

COUNTS = ("rows", "fallbacks", "swaps", "refused", "rollbacks", "shadow_rows")


def registry_at(model_dir: str) -> Registry:
    """The registry in a folder; without one, the models that travel with the job."""
    return Registry(Path(model_dir) if model_dir else files("model_artifacts"))


def matrix(requests: Iterable[Mapping[str, Any]]) -> Matrix:
    """What the models may take, a row a document of features; a null element is NaN.

    >>> row = matrix([{"event_type": "search", "device": "mobile", "values": [1, None]}])[0]
    >>> row[:4].tolist(), float(row.sum(where=row == row))
    ([1.0, nan, 1.0, 0.0], 3.0)
    """
    requests = list(requests)
    values = np.array([request["values"] for request in requests], dtype=np.float32)
    asked = [_asked(row.get("device"), row.get("channel"), row["event_type"]) for row in requests]
    return np.hstack([values, np.array(asked, dtype=np.float32)])


@lru_cache(maxsize=10_000)
def _asked(device: str | None, channel: str | None, event_type: str) -> tuple[float, ...]:
    return context_values(device, channel, event_type)


class Score(ScalarFunction):  # type: ignore[misc]
    """(model, features as JSON) -> the texts of the score, see `connectors.scores`.

    Two calls may find different versions live, and yet it counts as deterministic: only then does the planner
    let all readers of the answers share one call.
    """

    def __init__(self, model_dir: str, models: Sequence[str] = MODELS) -> None:
        self._model_dir = model_dir
        self._models = tuple(models)

    def open(self, function_context: Any) -> None:
        """Loads the live versions and opens the metrics that on-call reads.

        Raises:
            ModelRefused: a model has no version that can be used.
        """
        self._scorer = Scorer(registry_at(self._model_dir), OFFERED)
        self._scorer.open(self._models)
        group = function_context.get_metric_group().add_group("scoring")
        self._counters = {name: group.counter(name) for name in COUNTS}
        self._counted = dict.fromkeys(COUNTS, 0)
        for model in self._models:
            group.gauge(f"{model}_version", lambda model=model: self._version(model))

    def _version(self, model: str) -> int:
        """The first seven hex digits of the live graph's SHA-256 as a number: gauges hold small integers."""
        manifest = self._scorer.live(model)
        return int(manifest.sha256[:7], 16) if manifest else 0

    def eval(self, models: pd.Series | str, requests: pd.Series) -> pd.Series:
        """Scores one batch. The planner passes a model that is the same for every row as plain text."""
        names = [models] * len(requests) if isinstance(models, str) else list(models)
        asked = [orjson.loads(request) for request in requests]
        answers = self._scorer.score(names, matrix(asked))
        now_ms = time.time_ns() // 1_000_000
        self._count()
        scored = zip(names, asked, answers, strict=True)
        return pd.Series([answer_texts(*each, now_ms) for each in scored], dtype=object)

    def _count(self) -> None:
        for name, counter in self._counters.items():
            now = self._scorer.counts[name]
            counter.inc(now - self._counted[name])
            self._counted[name] = now


def score(model_dir: str, models: Sequence[str] = MODELS) -> Any:
    """The function as Flink registers it."""
    return udf(
        Score(model_dir, models),
        input_types=[DataTypes.STRING(), DataTypes.STRING()],
        result_type=DataTypes.ARRAY(DataTypes.STRING()),
        func_type="pandas",
    )
