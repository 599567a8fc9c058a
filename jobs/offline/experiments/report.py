"""The report of an experiment: one HTML page with its picture, and the numbers as JSON."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import orjson
from matplotlib.figure import Figure
from rich.table import Table

from jobs.offline.experiments import segment_report
from jobs.offline.experiments.analysis import Analysis
from jobs.offline.experiments.estimates import ALPHA, Estimate
from jobs.offline.experiments.sequential import RATIO_ALPHA
from jobs.offline.pages import STYLE, table
from jobs.offline.times import utc

HEAD = (
    "arm",
    "metric",
    "control",
    "arm's",
    "uplift",
    "95 % interval",
    "p, Holm",
    "any look",
    "p, any look, Holm",
)


def write(found: Analysis, folder: Path) -> Path:
    """Writes report.html and report.json; returns the page. The folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(orjson.dumps(found.to_document(), option=orjson.OPT_INDENT_2))
    page = folder / "report.html"
    page.write_text("\n".join(_page(found)) + "\n", encoding="utf-8")
    return page


def rows(found: Analysis) -> list[tuple[str, ...]]:
    """The table of estimates, as `HEAD` has it."""
    return [_row(one) for one in found.estimates]


def shown(found: Analysis) -> Iterable[Table | str]:
    """What a terminal shows."""
    yield _grid(HEAD, rows(found))
    if found.by_segment is not None:
        yield _grid(segment_report.HEAD, segment_report.rows(found.by_segment))
        yield from segment_report.lines(found.by_segment)
    yield counts(found)
    yield verdict(found)


def _grid(head: Sequence[str], cells: Iterable[Sequence[str]]) -> Table:
    made = Table(*head, box=None, pad_edge=False)
    for row in cells:
        made.add_row(*row)
    return made


def verdict(found: Analysis) -> str:
    """A sentence: what can be said."""
    if found.mismatch:
        return (
            f"Units are not split by their weights (p = {found.ratio_p:.2g} < {RATIO_ALPHA}): "
            "exposures are lost or bots are in one arm; trust no figure below."
        )
    sure = [
        f"{one.arm} {one.metric} {one.relative:+.1%}" for one in found.estimates if one.always_p_holm < ALPHA
    ]
    return (
        f"Found at any look: {', '.join(sure)}." if sure else "Nothing is found yet that holds at any look."
    )


def counts(found: Analysis) -> str:
    """A line: who is compared."""
    told = (" ".join(f"{arm}:{count}" for arm, count in one.items()) for one in (found.units, found.visitors))
    return "units {}; visitors {}; {} crossed".format(*told, found.crossed)


def _row(one: Estimate) -> tuple[str, ...]:
    return (
        one.arm, one.metric, f"{one.control:.4g}", f"{one.treatment:.4g}", f"{one.relative:+.1%}",
        f"{one.relative_low:+.1%} to {one.relative_high:+.1%}", f"{one.p_holm:.3g}",
        f"{one.always_low / one.control:+.1%} to {one.always_high / one.control:+.1%}",
        f"{one.always_p_holm:.3g}",
    )  # fmt: skip


def _page(found: Analysis) -> Iterable[str]:
    title = f"{escape(found.experiment)} version {found.version}"
    yield f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    yield f"<p><b>{escape(verdict(found))}</b></p>"
    yield f"<p>Exposed {utc(found.from_ms)} to {utc(found.until_ms)} (UTC). Control: {escape(found.control)}."
    yield f" Intervals of any look are narrowest at {found.planned:,} units.</p><h2>Uplift</h2>"
    yield table(HEAD, rows(found))
    picture = base64.b64encode(_picture(found.estimates)).decode()
    yield f'<img style="max-width:70%" alt="uplift" src="data:image/png;base64,{picture}">'
    if found.by_segment is not None:
        yield "<h2>By segment</h2><p>As of the first exposure.</p>"
        yield table(segment_report.HEAD, segment_report.rows(found.by_segment))
        yield "".join(f"<p>{escape(line)}</p>" for line in segment_report.lines(found.by_segment))
    yield "<h2>Checks</h2>"
    split = [(arm, f"{count:,}", f"{found.visitors[arm]:,}") for arm, count in found.units.items()]
    yield table(("arm", "units", "visitors compared"), split)
    yield f"<ul><li>split by weights: p = {found.ratio_p:.3g}, alarm below {RATIO_ALPHA}</li>"
    yield f"<li>crossed, left out: {found.crossed:,} visitors</li>"
    currency = escape(found.currency or "no currency")
    yield f"<li>revenue in {currency}; orders without: {found.other_currencies:,}</li>"
    for one in found.estimates:
        if one.reduction > 0:
            yield f"<li>{one.arm} {one.metric}: CUPED takes away {one.reduction:.0%} of the variance</li>"
    yield "</ul>"


def _picture(estimates: list[Estimate]) -> bytes:
    figure = Figure(figsize=(7, 1 + 0.45 * len(estimates)), layout="constrained")
    axes = figure.add_subplot(xlabel="uplift, relative", title="95 %: thick one look, thin any look")
    axes.axvline(0, color="grey", linewidth=0.8)
    for row, one in enumerate(reversed(estimates)):
        axes.plot(
            [one.always_low / one.control, one.always_high / one.control],
            [row] * 2,
            color="C0",
            linewidth=1,
        )
        axes.plot([one.relative_low, one.relative_high], [row] * 2, color="C0", linewidth=4)
        axes.plot([one.relative], [row], marker="o", color="black")
    axes.set_yticks(range(len(estimates)), [f"{one.arm} {one.metric}" for one in reversed(estimates)])
    told = io.BytesIO()
    figure.savefig(told, dpi=110, metadata={"Software": None})
    return told.getvalue()
