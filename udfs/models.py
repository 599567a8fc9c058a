"""Where a worker finds the models, and what it tells of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from connectors.contracts.model_inputs import MODELS, OFFERED, OPTIONAL
from connectors.models.registry import Registry
from state.visitor import Moment
from state.visitors.scoring import Answer, BatchScorer, matrix
from udfs.model_scorer import Scorer

COUNTS = ("rows", "fallbacks", "swaps", "refused", "taken_back", "shadow_rows")


def registry_at(model_dir: str) -> Registry:
    """The registry in a folder; without one, the models that travel with the job."""
    return Registry(Path(model_dir) if model_dir else files("model_artifacts"))


def opened(model_dir: str) -> Scorer:
    """The live models of the registry in a folder.

    Raises:
        ModelRefused: a model has no version that can be used.
    """
    models = Scorer(registry_at(model_dir), OFFERED)
    models.open(MODELS, OPTIONAL)
    return models


def batched(models: Scorer, then: Callable[[], None] = lambda: None) -> BatchScorer:
    """The models as the engine asks them; `then` is called behind each round."""

    def score(names: list[str], moments: list[Moment]) -> list[Answer]:
        answers = models.score(names, matrix(moments))
        then()
        return answers

    return BatchScorer(score, lambda name: models.live(name) is not None)


class ModelMetrics:
    """Counters of a scorer, and which version of each model is live."""

    def __init__(self, group: Any, scorer: Scorer, models: Sequence[str]) -> None:
        """Opens the metrics in the group."""
        self._scorer = scorer
        self._counters = {name: group.counter(name) for name in COUNTS}
        self._counted = dict.fromkeys(COUNTS, 0)
        for model in models:
            group.gauge(f"{model}_version", lambda model=model: self._version(model))

    def _version(self, model: str) -> int:
        """The first seven hex digits of the live graph's SHA-256 as a number: gauges hold small integers."""
        manifest = self._scorer.live(model)
        return int(manifest.sha256[:7], 16) if manifest else 0

    def count(self) -> None:
        """Adds what the scorer has counted since the last time."""
        for name, counter in self._counters.items():
            now = self._scorer.counts[name]
            counter.inc(now - self._counted[name])
            self._counted[name] = now
