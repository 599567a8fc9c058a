"""Where a worker finds the models, and what it tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from connectors.models.registry import Registry
from udfs.model_scorer import Scorer

COUNTS = ("rows", "fallbacks", "swaps", "refused", "taken_back", "shadow_rows")


def registry_at(model_dir: str) -> Registry:
    """The registry in a folder; without one, the models that travel with the job."""
    return Registry(Path(model_dir) if model_dir else files("model_artifacts"))


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
