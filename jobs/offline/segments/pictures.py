"""The pictures of a fit: how many clusters, how well apart, what each is like, where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from connectors.contracts.model_manifest import Manifest
from jobs.offline.segments.fitting import Fitted
from jobs.offline.segments.judging import silhouettes, stratified
from jobs.offline.segments.methods import ALGORITHMS, HIERARCHICAL, KMEANS
from jobs.offline.segments.naming import words

_SHOWN = 3_000  # visitors of a picture
_STRONG = 2.5  # standard deviations at which a colour is full


def all_of(fitted: Fitted, manifest: Manifest) -> dict[str, Figure]:
    """Every picture by its name."""
    names = [one.name for one in manifest.clusters]
    return {
        "silhouette": _silhouette(fitted, names),
        "profile": _profile(fitted, names),
        "projection": _projection(fitted, names),
    }


def colour(number: int) -> Any:
    """Of a cluster, the same in all pictures."""
    return colormaps["tab10"](number)


def _silhouette(fitted: Fitted, names: list[str]) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _by_number(left, fitted)
    found, labels = silhouettes(fitted.points, fitted.chosen.labels, _SHOWN, seed=1)
    start = 0
    for number, name in enumerate(names):
        mine = np.sort(found[labels == number])
        right.fill_betweenx(np.arange(start, start + len(mine)), 0, mine, color=colour(number), linewidth=0)
        right.text(1.02, start + len(mine) / 2, name, color=colour(number), va="center", clip_on=False)
        start += len(mine) + len(found) // 50
    right.axvline(fitted.chosen.silhouette, color="black", linewidth=0.8, linestyle="--")
    right.set(title=f"Silhouette of {len(found):,} visitors", xlim=(min(found.min(), -0.1), 1), yticks=[])
    return figure


def _by_number(axes: Any, fitted: Fitted) -> None:
    """Silhouette by number of clusters; filled where clusters are large enough and cores agree."""
    for index, algorithm in enumerate(ALGORITHMS):
        mine = [one for one in fitted.candidates if one.method.algorithm == algorithm]
        for eligible, face in ((False, "white"), (True, colour(index))):
            places = [(len(one.cores.counts), one.silhouette) for one in mine if eligible <= one.is_eligible]
            line = "-" if algorithm in (KMEANS, HIERARCHICAL) and not eligible else "none"
            label = algorithm if places and not eligible else None
            style = {"color": colour(index), "linestyle": line, "marker": "o", "markerfacecolor": face}
            axes.plot(*np.transpose(places or np.empty((0, 2))), label=label, linewidth=0.8, **style)
    chosen = fitted.chosen
    axes.plot(
        len(chosen.cores.counts), chosen.silhouette, "o", color="black", markersize=13, fillstyle="none"
    )
    axes.axhline(
        fitted.chance, color="grey", linewidth=0.8, linestyle="--", label="chosen way, shuffled features"
    )
    axes.set(title="Silhouette (filled: eligible, ring: chosen)", xlabel="clusters")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize="small")


def _profile(fitted: Fitted, names: list[str]) -> Figure:
    """What each cluster is like: features in standard deviations from all visitors."""
    labels, features = fitted.chosen.labels, fitted.scaling.names
    means = np.stack([fitted.points[labels == number].mean(axis=0) for number in range(len(names))])
    figure = Figure(figsize=(11, 1.6 + 0.32 * len(features)), layout="constrained")
    axes = figure.add_subplot(title="Profile: standard deviations from all visitors")
    drawn = axes.imshow(means.T, cmap="RdBu_r", vmin=-_STRONG, vmax=_STRONG, aspect="auto")
    shares = fitted.chosen.shares
    axes.set_xticks(
        range(len(names)), [f"{name}\n{share:.0%}" for name, share in zip(names, shares, strict=True)]
    )
    axes.set_yticks(range(len(features)), [words(name) for name in features])
    for (row, column), value in np.ndenumerate(means.T):
        shade = "white" if abs(value) > 0.7 * _STRONG else "black"
        axes.text(column, row, f"{value:+.1f}", ha="center", va="center", color=shade, fontsize="small")
    figure.colorbar(drawn, ax=axes, shrink=0.6, extend="both")
    return figure


def _projection(fitted: Fitted, names: list[str]) -> Figure:
    """The two directions in which visitors differ most."""
    points, labels = fitted.points, fitted.chosen.labels
    found = PCA(2, svd_solver="full").fit(points)
    chosen = stratified(labels, _SHOWN, seed=1)
    places = found.transform(points[chosen])
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    axes = figure.add_subplot(title=f"Projection of {len(chosen):,} visitors")
    for number, name in enumerate(names):
        mine = places[labels[chosen] == number]
        axes.scatter(mine[:, 0], mine[:, 1], s=9, alpha=0.5, color=colour(number), linewidths=0, label=name)
    for axis, direction, share in zip("xy", found.components_, found.explained_variance_ratio_, strict=True):
        strongest = np.argsort(-np.abs(direction))[:2]
        text = ", ".join(f"{direction[i]:+.1f} {words(fitted.scaling.names[i])}" for i in strongest)
        axes.set(**{f"{axis}label": f"{text} …\n({share:.0%} of the variance)"})
    axes.legend(markerscale=2)
    return figure
