"""The report of a fit: one HTML page with its pictures, and the numbers as JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import orjson

from jobs.offline.pages import STYLE, table
from jobs.offline.segments import pictures
from jobs.offline.segments.fitting import Candidate, Fitted
from jobs.offline.segments.gate import warning
from jobs.offline.segments.version import Version

_WIDE = "img{max-width:100%;margin:1em 0}li{margin:.5em 0}"


def write(fitted: Fitted, version: Version, objections: Sequence[str], folder: Path) -> Path:
    """Writes report.html, report.json and the pictures; returns the page. The folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = pictures.all_of(fitted, version.manifest)
    for name, picture in drawn.items():
        picture.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
    found = numbers(fitted, version, objections)
    (folder / "report.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    page = folder / "report.html"
    page.write_text("\n".join(_page(fitted, version, objections, folder, drawn)) + "\n", encoding="utf-8")
    return page


def numbers(fitted: Fitted, version: Version, objections: Sequence[str]) -> dict[str, Any]:
    """Everything that the page says, as JSON."""
    manifest, chosen = version.manifest, fitted.chosen
    return {
        "model": manifest.name,
        "version": manifest.version,
        "algorithm": chosen.method.algorithm,
        "clusters": len(manifest.clusters),
        "visitors": len(chosen.labels),
        **manifest.metrics,
        "groups": [
            {**one.model_dump(), "jaccard": round(overlap, 6)}
            for one, overlap in zip(manifest.clusters, fitted.stability.jaccard, strict=True)
        ],
        "kept": version.matched.kept,
        "features": list(manifest.names),
        "parity": version.parity,
        "objections": list(objections),
        "candidates": [_candidate(one) for one in fitted.candidates],
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "algorithm": one.method.algorithm,
        "clusters": len(one.cores.counts),
        "silhouette": round(one.silhouette, 6),
        "davies_bouldin": round(one.davies_bouldin, 6),
        "smallest_share": round(float(one.shares.min()), 6),
        "agreement": round(one.agreement, 6),
    }


def _page(
    fitted: Fitted, version: Version, objections: Sequence[str], folder: Path, drawn: Iterable[str]
) -> Iterable[str]:
    manifest, chosen = version.manifest, fitted.chosen
    title = f"{escape(manifest.name)} {escape(manifest.version)}"
    yield f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}{_WIDE}</style>"
    yield f"<h1>{title}</h1>"
    yield f"<p><b>{len(manifest.clusters)} clusters</b> of {len(chosen.labels):,} visitors, found by"
    yield f" {chosen.method.algorithm}. Silhouette {chosen.silhouette:.3f} ({fitted.chance:.3f} in shuffled"
    yield f" features), Davies-Bouldin {chosen.davies_bouldin:.3f}.</p>"
    yield _verdict(objections, warning(version.matched))
    yield "<h2>Clusters</h2><ul>"
    for one in manifest.clusters:
        yield f"<li><b>{escape(one.name)}</b>: {escape(one.description)}</li>"
    yield "</ul><p>Means, as of the end of a visitor's last session; in brackets those of all visitors.</p>"
    for name in drawn:
        content = base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
        yield f'<img alt="{name}" src="data:image/png;base64,{content}">'
    yield "<h2>What was tried</h2>" + table(_HEAD, [_row(one, one is chosen) for one in fitted.candidates])
    yield "<h2>Checks</h2><ul>"
    overlaps = ", ".join(f"{overlap:.2f}" for overlap in fitted.stability.jaccard)
    yield f"<li>visitors drawn anew: overlap of each cluster {overlaps} (0.75 is required), adjusted Rand"
    yield f" index {fitted.stability.rand:.3f}</li>"
    yield f"<li>agreement of the cores with {chosen.method.algorithm}: {chosen.agreement:.1%}</li>"
    yield f"<li>ONNX against the fitted clusters: at most {version.parity:.2g}</li></ul>"


_HEAD = ("way", "clusters", "silhouette", "Davies-Bouldin", "smallest", "agreement", "")


def _row(one: Candidate, is_chosen: bool) -> tuple[object, ...]:
    note = "chosen" if is_chosen else "" if one.is_eligible else "not eligible"
    return (
        one.method.algorithm, len(one.cores.counts), f"{one.silhouette:.3f}", f"{one.davies_bouldin:.3f}",
        f"{one.shares.min():.1%}", f"{one.agreement:.1%}", note,
    )  # fmt: skip


def _verdict(objections: Sequence[str], note: str | None) -> str:
    note = f"<p>Look before you promote it: {escape(note)}.</p>" if note else ""
    if not objections:
        return f"<p><b>The gate lets it pass.</b></p>{note}"
    return (
        "<p><b>The gate refuses it:</b></p><ul>"
        + "".join(f"<li>{escape(x)}</li>" for x in objections)
        + "</ul>"
    )
