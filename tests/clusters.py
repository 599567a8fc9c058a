"""Shops whose groups of visitors are known, for the tests of clusters; and a naive answer to who is in which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from connectors.contracts.model_manifest import Cluster
from jobs.offline.segments.cores import Cores
from jobs.offline.segments.export import to_graph
from jobs.offline.segments.scaling import Points, Scaling
from tests.engine_runs import HOUR, Document, event

SECOND = 1_000


def glance(name: str, at: int, rng: np.random.Generator) -> list[Document]:
    """Two or three pages, and away."""
    return [event(name, "page_view", at + step * 5 * SECOND) for step in range(int(rng.integers(2, 4)))]


def browse(name: str, at: int, rng: np.random.Generator) -> list[Document]:
    """Some twenty products, half a minute each."""
    return [
        event(name, "product_view", at + step * 30 * SECOND, product=_product(rng))
        for step in range(int(rng.integers(18, 24)))
    ]


def fill_a_cart(name: str, at: int, rng: np.random.Generator) -> list[Document]:
    """Few products, most of them into the cart, and to the checkout."""
    kinds = ["product_view", "add_to_cart"] * int(rng.integers(4, 7)) + ["checkout_start", "checkout_step"]
    return [
        event(name, kind, at + step * 10 * SECOND, product=_product(rng)) for step, kind in enumerate(kinds)
    ]


def _product(rng: np.random.Generator) -> Document:
    number = int(rng.integers(200))
    return {"product_id": str(number), "category": f"c{number % 10}", "price": 10.0 + number % 50}


GROUPS = (glance, browse, fill_a_cart)


def shop(visitors: int, seed: int = 1, shares: Sequence[float] = (0.5, 0.3, 0.2)) -> list[Document]:
    """One session a visitor, of one of GROUPS; the group is in the visitor's name."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(visitors):
        group = GROUPS[int(rng.choice(len(GROUPS), p=shares))]
        found += group(f"{group.__name__}-{number}", int(rng.integers(48)) * HOUR, rng)
    return sorted(found, key=lambda one: (one["event_time_ms"], one["event_id"]))


def blobs(sizes: Sequence[int], seed: int = 1, apart: float = 8.0) -> Points:
    """Round groups on the axes, `apart` standard deviations from the origin."""
    rng = np.random.default_rng(seed)
    centres = np.eye(len(sizes)) * apart
    return np.concatenate(
        [rng.normal(centre, size=(size, len(sizes))) for centre, size in zip(centres, sizes, strict=True)]
    )


def naive(scaling: Scaling, cores: Cores, row: Sequence[float]) -> tuple[int, float]:
    """Cluster and clearness of one visitor, in plain Python."""
    point = [
        ((math.log1p(x) if is_logged else x) - mean) / deviation
        for x, is_logged, mean, deviation in zip(
            row, scaling.logged, scaling.mean, scaling.deviation, strict=True
        )
    ]
    nearest, start = [], 0
    for count in cores.counts:
        nearest.append(min(math.dist(point, core) for core in cores.points[start : start + count]))
        start += count
    first, second = sorted(nearest)[:2]
    return nearest.index(first), 1 - first / second


def two_clusters(border: float = 11.0, **fields: Any) -> dict[str, Any]:
    """What `tests.models.write` needs for a cluster model over `events`: short sessions and long ones."""
    scaling = Scaling(("events",), np.array([False]), np.zeros(1), np.ones(1))
    cores = Cores(np.array([[2.0], [2 * border - 2]]), (1, 1))
    golden = [_golden(row, *naive(scaling, cores, row)) for row in ([1.0], [3.0], [2 * border])]
    names = fields.pop("clusters", ("short", "long"))
    clusters = tuple(Cluster(name=name, share=0.5, description="") for name in names)
    return {
        "name": "visitor_cluster", "names": ("events",), "weights": (0.0,), "content": to_graph(scaling, cores),
        "golden": golden, "clusters": clusters, "threshold": 1.0, "high": 1.0, "fallback": 0.0, **fields,
    }  # fmt: skip


def _golden(row: Sequence[float], cluster: int, score: float) -> dict[str, Any]:
    return {"features": row, "cluster": cluster, "score": score}
