"""A version of a model in words."""

from __future__ import annotations

from connectors.contracts.model_manifest import Manifest
from connectors.errors import ModelRefused
from connectors.models.registry import Pointer, Registry
from jobs.offline.times import stamp


def facts_of(registry: Registry, name: str, version: str) -> str:
    """Kind and quality of a version in a line, or why it is refused."""
    try:
        manifest = registry.manifest(name, version)
    except ModelRefused as error:
        return f"REFUSED: {error}"
    shown = (
        f"{metric} {manifest.metrics[metric]:.3f}"
        for metric in ("average_precision", "auc")
        if metric in manifest.metrics
    )
    return f"{manifest.training.algorithm:8}  {', '.join(shown)}"


def described(manifest: Manifest, live: Pointer | None) -> list[str]:
    """What an operator wants to know of a version."""
    training = manifest.training
    importance = ", ".join(f"{name} {share:.0%}" for name, share in list(manifest.importance.items())[:5])
    lines = [
        f"{manifest.name} {manifest.version}, sha256 {manifest.sha256}",
        f"score: probability of {training.label}",
        f"{training.algorithm}, trained on {training.rows:,} rows, {training.positives:,} positive,",
        f"  from {stamp(training.from_ms)} to {stamp(training.to_ms)}, at: {', '.join(training.points)}",
        f"medium from {manifest.threshold:.4f}, high from {manifest.high:.4f}",
        f"fallback: {manifest.fallback:.4f}",
        f"{len(manifest.inputs)} inputs; most used: {importance}",
        *(f"{name}: {value:.4f}" for name, value in manifest.metrics.items()),
    ]
    if live and live.version == manifest.version:
        lines.append(
            f"live since {stamp(live.since_ms)}; before: {', '.join(live.previous) or 'none'}; {live.note}"
        )
    return lines
