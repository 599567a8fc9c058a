"""What a watch tells: a line a window, numbers for Prometheus, a page with pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from typing import Any

import orjson
from matplotlib.figure import Figure
from prometheus_client.core import Metric

from jobs.offline import prometheus
from jobs.offline.training.monitor import SCORE
from jobs.offline.training.watch import BIAS, COUNTS, FALLBACKS, Finding, Watch
from state.drift import MIN_ROWS, MOVED

_SHOWN = 48  # windows of a table
_STYLE = (
    "body{font:15px/1.5 system-ui;max-width:70em;margin:2em auto}table{border-collapse:collapse;margin:1em 0}"
    "td,th{padding:.15em .7em;text-align:right;border-bottom:1px solid #ddd}td:last-child,th:last-child"
    "{text-align:left}tr.alarm{background:#fde8e8}img{max-width:100%}"
)


def line(finding: Finding) -> bytes:
    """One line of JSON."""
    return orjson.dumps(asdict(finding)) + b"\n"


def read_line(text: bytes | str) -> Finding:
    """The finding of a line."""
    found = orjson.loads(text)
    return Finding(**{**found, "alarms": tuple(found["alarms"])})


def newest(findings: Iterable[Finding]) -> list[Finding]:
    """The last finding of each model and kind."""
    return list({(one.model, one.what): one for one in findings}.values())


def metrics(watches: Iterable[Watch], findings: Sequence[Finding]) -> list[Metric]:
    """What the watch counts, for Prometheus."""
    watches, last = list(watches), newest(findings)
    of_drift = [one for one in last if one.what == "drift"]
    of_quality = [one for one in last if one.what == "quality"]
    gauges = {
        "drift_index": ("Stability index of the newest window, by feature; score is the score's.",
         [(_labels(one, feature=name), value) for one in of_drift for name, value in one.values.items()
          if name != FALLBACKS]),
        "fallback_share": ("Share of the newest window's scores that no graph gave.",
         [(_labels(one), one.values[FALLBACKS]) for one in of_drift]),
        "quality": ("Metrics of the newest window whose labels are known.",
         [(_labels(one, metric=name), value[0]) for one in of_quality for name, value in one.values.items()
          if isinstance(value, list)]),
        "alarms": ("What is out of bounds in the newest window.",
         [(_labels(one, what=one.what), len(one.alarms)) for one in last]),
        "window_rows": ("Scores in the newest window.",
         [(_labels(one, what=one.what), one.rows) for one in last]),
        "watched_until_seconds": ("End of the newest window of drift, event time.",
         [({"model": one.model}, one.closed_ms / 1000) for one in watches]),
    }  # fmt: skip
    counted = {
        name: (f"Since the watch began: {name.replace('_', ' ')}.",
         [({"model": one.model}, one.counts[name]) for one in watches])
        for name in COUNTS
    }  # fmt: skip
    return [
        *(prometheus.gauge(f"footfall_model_{name}", *told) for name, told in gauges.items()),
        *(prometheus.counter(f"footfall_model_{name}", *told) for name, told in counted.items()),
    ]


def _labels(finding: Finding, **more: str) -> dict[str, str]:
    return {"model": finding.model, "version": finding.version, **more}


def page(findings: Sequence[Finding], limits: Mapping[str, float]) -> str:
    """The page: for each model its windows of drift and of quality.

    Args:
        findings: in the order of time.
        limits: AUC at training, by model.
    """
    parts = ["<!doctype html><meta charset=utf-8><title>Models at work</title>", f"<style>{_STYLE}</style>"]
    parts.append("<h1>Models at work</h1>")
    for model in sorted({one.model for one in findings}):
        mine = [one for one in findings if one.model == model]
        drift, quality = ([one for one in mine if one.what == what] for what in ("drift", "quality"))
        parts += [f"<h2>{escape(model)}</h2>", _picture(_drawn(drift, quality, limits.get(model)))]
        parts += ["<h3>Drift</h3>", _drift_table(drift[-_SHOWN:]), "<h3>Quality</h3>"]
        parts.append(_quality_table(quality[-_SHOWN:]) if quality else "<p>No label is known yet.</p>")
    return "\n".join(parts) + "\n"


def _drift_table(findings: Sequence[Finding]) -> str:
    rows = []
    for one in reversed(findings):
        indices = {name: value for name, value in one.values.items() if name not in (SCORE, FALLBACKS)}
        worst = sorted(indices, key=lambda name: -indices[name])[:3]
        cells = [f"{one.values.get(SCORE, float('nan')):.3f}", f"{one.values[FALLBACKS]:.1%}"]
        cells.append(", ".join(f"{name} {indices[name]:.2f}" for name in worst))
        rows.append((one, cells))
    return _table(("score", "fallbacks", "most moved inputs"), rows)


def _quality_table(findings: Sequence[Finding]) -> str:
    shown = ("auc", "average_precision", "log_loss", "calibration_error", BIAS)
    rows = []
    for one in reversed(findings):
        held = [one.values.get(name) for name in shown]
        cells = [f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]" if value else "–" for value in held]
        rows.append((one, [str(one.values["positives"]), *cells]))
    return _table(("positive", *(name.replace("_", " ") for name in shown)), rows)


def _table(head: Sequence[str], rows: Sequence[tuple[Finding, Sequence[str]]]) -> str:
    titles = ("window from (UTC)", "version", "rows", *head, "alarms")
    lines = ["<tr>" + "".join(f"<th>{title}</th>" for title in titles) + "</tr>"]
    for one, cells in rows:
        stamp = f"{_moment(one.from_ms):%Y-%m-%d %H:%M}"
        texts = (stamp, one.version, f"{one.rows:,}", *cells, ", ".join(one.alarms[:5]))
        kind = " class=alarm" if one.alarms else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{escape(text)}</td>" for text in texts) + "</tr>")
    return f"<table>{''.join(lines)}</table>"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _drawn(drift: Sequence[Finding], quality: Sequence[Finding], auc: float | None) -> Figure:
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _indices(left, drift, "input that moved most", _most_moved)
    _indices(left, drift, "score", lambda one: one.values.get(SCORE, float("nan")))
    left.axhline(MOVED, color="firebrick", linewidth=0.8, linestyle="--")
    left.set_title("Stability index")
    left.legend(fontsize="small")
    _banded(middle, quality, "auc", "AUC")
    if auc:
        middle.axhline(auc, color="grey", linewidth=0.8, linestyle="--")
    _banded(right, quality, BIAS, "Mean score less share of positives")
    right.axhline(0, color="grey", linewidth=0.8, linestyle="--")
    figure.autofmt_xdate(rotation=30)
    return figure


def _indices(axes: Any, drift: Sequence[Finding], label: str, value: Callable[[Finding], float]) -> None:
    """A line over all windows; dots where there are rows enough to raise an alarm."""
    (line,) = axes.plot([_moment(one.from_ms) for one in drift], list(map(value, drift)), linewidth=0.5)
    enough = [one for one in drift if one.rows >= MIN_ROWS]
    times: list[Any] = [_moment(one.from_ms) for one in enough]
    axes.plot(times, list(map(value, enough)), ".", color=line.get_color(), label=label)


def _most_moved(one: Finding) -> float:
    others = (value for name, value in one.values.items() if name not in (SCORE, FALLBACKS))
    return max(others, default=float("nan"))


def _banded(axes: Any, quality: Sequence[Finding], metric: str, title: str) -> None:
    """A metric with its intervals over time."""
    known = [one for one in quality if metric in one.values]
    times = [_moment(one.from_ms) for one in known]
    axes.plot(times, [one.values[metric][0] for one in known], marker=".", linewidth=0.8)
    low, high = ([one.values[metric][index] for one in known] for index in (1, 2))
    axes.fill_between(times, low, high, alpha=0.2, linewidth=0)
    axes.set_title(title)


def _picture(figure: Figure) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return f'<img src="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}">'
