"""A version of a model in words."""

from __future__ import annotations

from connectors.contracts.model_manifest import Manifest
from connectors.contracts.table_manifest import TableManifest
from connectors.errors import ModelRefused
from connectors.models.files import AnyManifest
from connectors.models.registry import Pointer, Registry
from jobs.offline.times import stamp

_SHOWN = ("average_precision", "auc", "recall@20", "map@20", "silhouette")


def facts_of(registry: Registry, name: str, version: str) -> str:
    """Kind and quality of a version in a line, or why it is refused."""
    try:
        manifest = registry.any_manifest(name, version)
    except ModelRefused as error:
        return f"REFUSED: {error}"
    shown = (f"{metric} {manifest.metrics[metric]:.3f}" for metric in _SHOWN if metric in manifest.metrics)
    return f"{manifest.training.algorithm:8}  {', '.join(shown)}"


def described(manifest: AnyManifest, live: Pointer | None) -> list[str]:
    """What an operator wants to know of a version."""
    lines = _of_table(manifest) if isinstance(manifest, TableManifest) else _of_model(manifest)
    lines += [f"{name}: {value:.4f}" for name, value in manifest.metrics.items()]
    if live and live.version == manifest.version:
        lines.append(
            f"live since {stamp(live.since_ms)}; before: {', '.join(live.previous) or 'none'}; {live.note}"
        )
    return lines


def _of_table(manifest: TableManifest) -> list[str]:
    fit = manifest.training
    return [
        f"{manifest.name} {manifest.version}, sha256 {manifest.sha256}",
        f"related items by {fit.algorithm}, of {fit.items:,} items, {fit.visitors:,} visitors,",
        f"  {fit.events:,} events from {stamp(fit.from_ms)} to {stamp(fit.to_ms)}",
    ]


def _of_model(manifest: Manifest) -> list[str]:
    training = manifest.training
    importance = ", ".join(f"{name} {share:.0%}" for name, share in list(manifest.importance.items())[:5])
    return [
        f"{manifest.name} {manifest.version}, sha256 {manifest.sha256}",
        *(_clusters(manifest) if manifest.clusters else _probability(manifest)),
        f"  from {stamp(training.from_ms)} to {stamp(training.to_ms)}, at: {', '.join(training.points)}",
        f"{len(manifest.inputs)} inputs; most used: {importance}",
    ]


def _probability(manifest: Manifest) -> list[str]:
    training = manifest.training
    return [
        f"score: probability of {training.label}",
        f"medium from {manifest.threshold:.4f}, high from {manifest.high:.4f}",
        f"fallback: {manifest.fallback:.4f}",
        f"{training.algorithm}, trained on {training.rows:,} rows, {training.positives:,} positive,",
    ]


def _clusters(manifest: Manifest) -> list[str]:
    training = manifest.training
    return [
        f"score: {training.label}",
        *(f"{one.name}: {one.description}" for one in manifest.clusters),
        f"{training.algorithm}, found among {training.rows:,} visitors,",
    ]
