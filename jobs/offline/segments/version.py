"""A fit as a version of a model: graph, golden rows, manifest. The same fit gives the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson

from connectors.contracts.model_inputs import CLUSTER, OFFERED
from connectors.contracts.model_manifest import Cluster, Distribution, Input, Manifest, Training
from connectors.models.files import GOLDEN, GRAPH, MANIFEST
from connectors.models.registry import Registry
from jobs.offline.segments.cores import Labels
from jobs.offline.segments.export import parity, to_graph
from jobs.offline.segments.fitting import Fitted
from jobs.offline.segments.naming import Matched, description, matched
from jobs.offline.segments.visitors import Visitors
from jobs.offline.training.examples import Floats
from jobs.offline.training.export import PARITY_ROWS, digest
from state.drift import distribution
from udfs.model_runtime import Model, load, load_pointed

_GOLDEN_ROWS = 25
_LABEL = "how clearly the visitor belongs to its cluster: 0 on a border, 1 in the centre"
_POINT = "session_end"


@dataclass(frozen=True)
class Version:
    """What a fit became.

    Attributes:
        manifest: of the version.
        matched: its clusters against those of the live version.
        parity: greatest difference of the graph to the fitted clusters.
    """

    manifest: Manifest
    matched: Matched
    parity: float


def live(registry: Registry) -> Model | None:
    """The version that is live; None when none is.

    Raises:
        ModelRefused: it does not pass the checks.
    """
    pointer = registry.pointer(CLUSTER)
    return load_pointed(registry, CLUSTER, pointer, OFFERED) if pointer else None


def against(before: Model | None, visitors: Visitors, labels: Labels) -> Matched:
    """Names of clusters, after those of a version before."""
    if before is None:
        return matched(labels)
    manifest = before.manifest
    _, then = before.assign(visitors.rows[:, [OFFERED.index(name) for name in manifest.names]])
    return matched(labels, then, [one.name for one in manifest.clusters])


def write(
    folder: Path, fitted: Fitted, visitors: Visitors, before: Model | None, seed: int, code_version: str
) -> Version:
    """Writes the version's three files into a folder of its own under `folder`.

    Args:
        folder: is made.
        fitted: the fit.
        visitors: it was made of.
        before: the live version, after which clusters are named.
        seed: of everything random.
        code_version: of Footfall.

    Raises:
        ModelRefused: the graph is not what the fitted clusters are.
    """
    chosen, names = fitted.chosen, against(before, visitors, fitted.chosen.labels)
    graph = to_graph(fitted.scaling, chosen.cores)
    difference = parity(fitted.scaling, chosen.cores, graph, _mixed(visitors.moments, seed))
    golden = _golden(fitted, visitors.rows)
    last_day = datetime.fromtimestamp(visitors.to_ms / 1000, UTC)
    manifest = Manifest(
        schema="model/1",
        name=CLUSTER,
        version=f"{last_day:%Y%m%d}-{digest(graph)[:8]}",
        sha256=digest(graph),
        golden_sha256=digest(golden),
        inputs=tuple(Input(name=name, missing=0.0) for name in fitted.scaling.names),
        threshold=1.0,
        high=1.0,
        fallback=0.0,
        training=_training(fitted, visitors, seed),
        metrics=metrics(fitted, names),
        statistics=_statistics(fitted, visitors.moments),
        scores=distribution(chosen.cores.assign(fitted.scaling.points(visitors.moments))[1]),
        importance=_importance(fitted),
        clusters=_clusters(fitted, visitors, names),
        code_version=code_version,
    )
    target = folder / manifest.version
    target.mkdir(parents=True, exist_ok=True)
    for name, content in ((GRAPH, graph), (GOLDEN, golden), (MANIFEST, manifest.to_json().encode())):
        (target / name).write_bytes(content)
    load(target)
    return Version(manifest, names, difference)


def metrics(fitted: Fitted, names: Matched) -> dict[str, float]:
    """The figures of a fit."""
    chosen = fitted.chosen
    found = {
        "silhouette": chosen.silhouette,
        "silhouette_shuffled": fitted.chance,
        "davies_bouldin": chosen.davies_bouldin,
        "smallest_share": float(chosen.shares.min()),
        "agreement": chosen.agreement,
        "jaccard": min(fitted.stability.jaccard),
        "rand_resampled": fitted.stability.rand,
    }
    if names.rand is not None:
        found["rand_before"] = names.rand
    return {name: round(value, 6) for name, value in found.items()}


def _training(fitted: Fitted, visitors: Visitors, seed: int) -> Training:
    return Training(
        from_ms=visitors.from_ms, to_ms=visitors.to_ms, rows=len(visitors), positives=0, label=_LABEL,
        points=(_POINT,), seed=seed, algorithm=fitted.chosen.method.algorithm,
        parameters={"clusters": len(fitted.chosen.cores.counts), "cores": len(fitted.chosen.cores.points)},
    )  # fmt: skip


def _statistics(fitted: Fitted, moments: Floats) -> dict[str, Distribution]:
    return {name: distribution(moments[:, OFFERED.index(name)]) for name in fitted.scaling.names}


def _importance(fitted: Fitted) -> dict[str, float]:
    """Share of each feature in what lies between clusters."""
    labels, points = fitted.chosen.labels, fitted.points
    means = np.stack([points[labels == number].mean(axis=0) for number in range(labels.max() + 1)])
    between = (fitted.chosen.shares[:, None] * means**2).sum(axis=0)
    shares = between / between.sum()
    order = np.argsort(-shares, kind="stable")
    return {fitted.scaling.names[index]: round(float(shares[index]), 6) for index in order}


def _clusters(fitted: Fitted, visitors: Visitors, names: Matched) -> tuple[Cluster, ...]:
    labels, columns = fitted.chosen.labels, fitted.scaling.columns(visitors.rows)
    return tuple(
        Cluster(
            name=name,
            share=round(float(share), 6),
            description=description(share, fitted.points, columns, labels == number, fitted.scaling.names),
        )
        for number, (name, share) in enumerate(zip(names.names, fitted.chosen.shares, strict=True))
    )


def _golden(fitted: Fitted, rows: Floats) -> bytes:
    """Visitors over the whole range of clearness, with what the fitted cores say."""
    labels, clearly = fitted.chosen.cores.assign(fitted.points)
    places = np.linspace(len(rows) // 100, len(rows) - 1, _GOLDEN_ROWS).astype(int)  # none on a border
    chosen = np.argsort(clearly, kind="stable")[places]
    columns = fitted.scaling.columns(rows[chosen])
    lines = zip(columns.tolist(), clearly[chosen].tolist(), labels[chosen].tolist(), strict=True)
    return b"".join(
        orjson.dumps({"features": row, "score": score, "cluster": number}) + b"\n"
        for row, score, number in lines
    )


def _mixed(rows: Floats, seed: int) -> Floats:
    """At least 10,000 rows: those of the stream and, if these are fewer, rows of columns mixed at random."""
    if len(rows) >= PARITY_ROWS:
        return rows
    rng = np.random.default_rng(seed)
    more = [rng.choice(column, PARITY_ROWS - len(rows)) for column in rows.T]
    return np.concatenate([rows, np.column_stack(more).astype(np.float32)])
