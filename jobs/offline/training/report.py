"""The report of a run: one HTML page, its pictures, and the numbers as JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import orjson
from matplotlib.figure import Figure

from jobs.offline.pages import STYLE, table
from jobs.offline.training.evaluation import Estimate, calibration_curve, lift
from jobs.offline.training.examples import Examples
from jobs.offline.training.pipeline import Outcome

_METRICS = (
    "average_precision", "auc", "log_loss", "brier", "calibration_error", "precision", "recall", "f1",
)  # fmt: skip


def write(outcome: Outcome, objections: Sequence[str], folder: Path) -> Path:
    """Writes report.html, report.json and the pictures; returns the page.

    Args:
        outcome: of the run.
        objections: of the gate.
        folder: is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "calibration": _calibration(outcome),
        "lift": _lift(outcome),
        "importance": _importance(outcome),
    }
    for name, picture in pictures.items():
        picture.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
    (folder / "report.json").write_bytes(
        orjson.dumps(numbers(outcome, objections), option=orjson.OPT_INDENT_2)
    )
    page = folder / "report.html"
    page.write_text("\n".join(_page(outcome, objections, folder, pictures)) + "\n", encoding="utf-8")
    return page


def numbers(outcome: Outcome, objections: Sequence[str]) -> dict[str, object]:
    """Everything that the page says, as JSON."""
    return {
        "model": outcome.manifest.name,
        "version": outcome.manifest.version,
        "label": outcome.task.label,
        "chosen": outcome.chosen,
        "rows": {
            name: {"rows": len(part), "positives": int(part.labels.sum())} for name, part in _parts(outcome)
        },
        "threshold": outcome.threshold,
        "parity": {"difference": outcome.parity, "rows": outcome.parity_rows},
        "suspects": dict(outcome.suspects),
        "objections": list(objections),
        "parameters": {name: model.candidate.parameters for name, model in outcome.models.items()},
        "test": _plain(outcome.estimates),
        "test_by_point": {point: _plain(found) for point, found in outcome.by_point.items()},
    }


def _plain(found: Mapping[str, Mapping[str, Estimate]]) -> dict[str, dict[str, list[float]]]:
    return {
        scorer: {
            name: [round(x, 6) for x in (one.value, one.low, one.high)] for name, one in estimates.items()
        }
        for scorer, estimates in found.items()
    }


def _parts(outcome: Outcome) -> Iterable[tuple[str, Examples]]:
    split = outcome.split
    return (("train", split.train), ("valid", split.valid), ("test", split.test))


def _page(
    outcome: Outcome, objections: Sequence[str], folder: Path, pictures: Iterable[str]
) -> Iterable[str]:
    manifest = outcome.manifest
    yield f"<!doctype html><meta charset=utf-8><title>{escape(manifest.name)}</title><style>{STYLE}</style>"
    yield f"<h1>{escape(manifest.name)} {escape(manifest.version)}</h1>"
    yield f"<p>The score is the probability of: {escape(outcome.task.label)}. Chosen on the validation part:"
    yield f" <b>{outcome.chosen}</b>. Threshold {outcome.threshold:.4f} (greatest F1 there).</p>"
    yield _verdict(objections)
    yield "<h2>Rows</h2>" + table(
        ("part", "rows", "positives", "share"),
        [(name, len(part), int(part.labels.sum()), f"{part.share:.4f}") for name, part in _parts(outcome)],
    )
    yield "<h2>Test part, all rows</h2><p>95 % intervals: visitors drawn with replacement.</p>"
    yield _estimates(outcome.estimates)
    for point, found in outcome.by_point.items():
        count = len(outcome.split.test.at(point))
        yield f"<h2>Test part, rows at: {escape(point)} ({count})</h2>{_estimates(found)}"
    for name in pictures:
        content = base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
        yield f'<img alt="{name}" src="data:image/png;base64,{content}">'
    yield "<h2>Checks</h2><ul>"
    yield f"<li>ONNX against native, {outcome.parity_rows:,} rows: at most {outcome.parity:.2g}</li>"
    suspects = ", ".join(f"{name} ({auc:.3f})" for name, auc in outcome.suspects.items()) or "none"
    yield f"<li>features that alone know the answer: {escape(suspects)}</li></ul>"


def _verdict(objections: Sequence[str]) -> str:
    if not objections:
        return "<p><b>The gate lets it pass.</b></p>"
    return (
        "<p><b>The gate refuses it:</b></p><ul>"
        + "".join(f"<li>{escape(text)}</li>" for text in objections)
        + "</ul>"
    )


def _estimates(found: Mapping[str, Mapping[str, Estimate]]) -> str:
    rows = [(scorer, *(str(estimates[name]) for name in _METRICS)) for scorer, estimates in found.items()]
    return table(("scores of", *(name.replace("_", " ") for name in _METRICS)), rows)


def _calibration(outcome: Outcome) -> Figure:
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="mean score", ylabel="share of positives", title="Calibration (test)")
    axes.axline((0, 0), slope=1, color="grey", linewidth=0.8)
    for name in outcome.models:
        bins = calibration_curve(outcome.split.test, outcome.scores[name], outcome.task.seed)
        shares = [one.share for one in bins]
        scores = [one.score for one in bins]
        (line,) = axes.plot(scores, [one.value for one in shares], marker="o", markersize=4, label=name)
        if name == outcome.chosen:
            low, high = [one.low for one in shares], [one.high for one in shares]
            axes.fill_between(scores, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
    axes.legend()
    return figure


def _lift(outcome: Outcome) -> Figure:
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="share of rows, best first", ylabel="lift", title="Lift (test)")
    shares = np.linspace(0.01, 1, 200)
    for name, scores in outcome.scores.items():
        axes.plot(shares, lift(outcome.split.test.labels, scores, shares), label=name)
    axes.legend()
    return figure


def _importance(outcome: Outcome) -> Figure:
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot(title=f"Importance ({outcome.chosen})", xlabel="share")
    top = list(outcome.manifest.importance.items())[:15][::-1]
    axes.barh([name for name, _ in top], [share for _, share in top])
    return figure
