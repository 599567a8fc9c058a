"""What `scripts/segments fit` does: visitors of a history, a fit, the gate, a report, maybe a publication."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sklearn

from connectors.errors import BadInput
from connectors.models.registry import Registry
from jobs.offline import models
from jobs.offline.segments import fitting, gate, report, version
from jobs.offline.segments.fitting import Fitted
from jobs.offline.segments.methods import methods
from jobs.offline.segments.scaling import fit_scaling
from jobs.offline.segments.version import Version
from jobs.offline.segments.visitors import Visitors
from jobs.offline.training.runs import too_early
from jobs.offline.training.search import Progress

_MEMORY_MB = 128  # of distances at a time


@dataclass(frozen=True)
class Wish:
    """What is asked of a fit.

    Attributes:
        algorithms: ways to try.
        clusters: how many; None looks for the best number.
        leave_out: features that are not to be taken.
        seed: of everything random.
        code_version: of Footfall.
    """

    algorithms: tuple[str, ...]
    clusters: int | None
    leave_out: tuple[str, ...]
    seed: int
    code_version: str


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        fitted: the fit.
        version: what it became.
        objections: of the gate.
        page: of the report.
    """

    fitted: Fitted
    version: Version
    objections: list[str]
    page: Path

    def to_document(self) -> dict[str, object]:
        """The figures."""
        return report.numbers(self.fitted, self.version, self.objections)


def fit(visitors: Visitors, wish: Wish, folder: Path, registry: Registry, progress: Progress) -> Outcome:
    """Finds clusters, judges them, writes a version and its report below `folder`.

    Raises:
        BadInput: no way finds clusters, or visitors differ in too little.
        ModelRefused: the live version does not pass its checks.
    """
    left_out = {*wish.leave_out, *too_early(visitors.to_ms - visitors.from_ms)}
    scaling = fit_scaling(visitors.rows, left_out)
    ways = methods(wish.algorithms, wish.clusters)
    with sklearn.config_context(working_memory=_MEMORY_MB):
        fitted = fitting.fit(scaling, scaling.points(visitors.rows), ways, wish.seed, progress)
        if fitted is None:
            raise BadInput("no way finds clusters among these visitors", "try --algorithm kmeans")
        made = version.write(folder, fitted, visitors, version.live(registry), wish.seed, wish.code_version)
        objections = gate.objections(fitted)
        page = report.write(fitted, made, objections, folder / "report")
    return Outcome(fitted, made, objections, page)


def publish(outcome: Outcome, folder: Path, registry: Registry) -> None:
    """Adds the version to the registry."""
    models.publish(registry, folder / outcome.version.manifest.version)


def summary(outcome: Outcome) -> Iterator[str]:
    """The lines that matter most."""
    fitted, manifest = outcome.fitted, outcome.version.manifest
    algorithm = fitted.chosen.method.algorithm
    yield f"{manifest.name} {manifest.version}: {len(manifest.clusters)} clusters by {algorithm}"
    yield from (f"{name}: {value:.4f}" for name, value in manifest.metrics.items())
    for one in manifest.clusters:
        yield f"{one.name}: {one.description}"
    yield f"ONNX differs by at most {outcome.version.parity:.2g}"
    if text := gate.warning(outcome.version.matched):
        yield f"look before you promote it: {text}"
