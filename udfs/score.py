"""Scores feature vectors: one call is one Arrow batch, scored by the version that is live at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyflink.table import DataTypes, ScalarFunction
from pyflink.table.udf import udf

from connectors.features import NAMES
from connectors.model_registry import Registry
from connectors.model_runtime import Matrix
from connectors.model_scorer import Scorer

COUNTS = ("rows", "fallbacks", "swaps", "refused", "rollbacks", "shadow_rows")


def registry_at(model_dir: str) -> Registry:
    """The registry in a folder; without one, the models that travel with the job."""
    return Registry(Path(model_dir) if model_dir else files("model_artifacts"))


def matrix(vectors: pd.Series) -> Matrix:
    """The vectors as one matrix; a null element, and every element of a null vector, is NaN.

    >>> matrix(pd.Series([np.array([1.0, None]), None]))[0].tolist() if len(NAMES) == 2 else [1.0]
    [1.0]
    """
    missing = np.full(len(NAMES), np.nan, np.float32)
    rows = [missing if row is None else np.asarray(row, dtype=np.float32) for row in vectors]
    return np.stack(rows) if rows else np.empty((0, len(NAMES)), np.float32)


class Score(ScalarFunction):  # type: ignore[misc]
    """(model, feature vector) -> the answer as JSON: model, score, band, reasons, fallback, shadow."""

    def __init__(self, model_dir: str, models: Sequence[str]) -> None:
        self._model_dir = model_dir
        self._models = tuple(models)

    def open(self, function_context: Any) -> None:
        """Loads the live versions and opens the metrics that on-call reads.

        Raises:
            ModelRefused: a model has no version that can be used.
        """
        self._scorer = Scorer(registry_at(self._model_dir), NAMES)
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

    def is_deterministic(self) -> bool:
        """Another version may be live tomorrow: the planner must not repeat a call."""
        return False

    def eval(self, models: pd.Series | str, vectors: pd.Series) -> pd.Series:
        """Scores one batch. The planner passes a model that is the same for every row as plain text."""
        names = [models] * len(vectors) if isinstance(models, str) else list(models)
        answers = self._scorer.score(names, matrix(vectors))
        self._count()
        return pd.Series([answer.decode() for answer in answers], dtype=object)

    def _count(self) -> None:
        for name, counter in self._counters.items():
            now = self._scorer.counts[name]
            counter.inc(now - self._counted[name])
            self._counted[name] = now


def score(model_dir: str, models: Sequence[str]) -> Any:
    """The function as Flink registers it."""
    return udf(
        Score(model_dir, models),
        input_types=[DataTypes.STRING(), DataTypes.ARRAY(DataTypes.FLOAT())],
        result_type=DataTypes.STRING(),
        func_type="pandas",
    )
