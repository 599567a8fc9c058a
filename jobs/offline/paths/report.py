"""The report of paths: what a terminal shows, one HTML page with its pictures, and the numbers as JSON."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import orjson
from matplotlib.figure import Figure

from jobs.offline.pages import STYLE, table
from jobs.offline.paths.analysis import Answer, Matrix
from jobs.offline.paths.contrast import ALPHA, Difference

TOP = 20
PATTERNS = ("path", "sessions", "share")
DIFFERENCES = ("path", "buyers", "leavers", "lift", "95 % interval", "p, Holm")
FUNNEL = ("segment", "step", "sessions", "of the step before", "dropped off")
_ARROW = " → "


def write(found: Answer, folder: Path, top: int = TOP) -> Path:
    """Writes report.html, report.json and the pictures; returns the page. The folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"matrix": _matrix(found.matrix, found.goal), "funnel": _funnel(found)}
    told = {name: _png(picture) for name, picture in pictures.items()}
    for name, content in told.items():
        (folder / f"{name}.png").write_bytes(content)
    (folder / "report.json").write_bytes(orjson.dumps(found.to_document(), option=orjson.OPT_INDENT_2))
    page = folder / "report.html"
    page.write_text("\n".join(_page(found, told, top)) + "\n", encoding="utf-8")
    return page


def patterns(found: Answer, top: int) -> list[tuple[str, ...]]:
    """Rows as `PATTERNS` has them."""
    return [
        (_ARROW.join(one.steps), f"{one.sessions:,}", f"{one.support:.1%}") for one in found.patterns[:top]
    ]


def differences(found: Answer, top: int, *, of_buyers: bool) -> list[tuple[str, ...]]:
    """Rows as `DIFFERENCES` has them: what buyers do more often for sure, or what leavers do."""
    if found.contrast is None:
        return []
    sure = [one for one in found.contrast.differences if one.p_holm < ALPHA]
    chosen = [one for one in sure if (one.lift is None or one.lift > 1) == of_buyers]
    return [_difference(found, one) for one in chosen[:top]]


def _difference(found: Answer, one: Difference) -> tuple[str, ...]:
    assert found.contrast is not None  # noqa: S101 - for the type checker
    return (
        _ARROW.join(found.named(one.pattern)),
        f"{one.buyers / found.contrast.buyers:.1%}",
        f"{one.leavers / found.contrast.leavers:.1%}",
        "no leaver" if one.lift is None else f"{one.lift:.3g}",
        f"{one.low:.3g} to {one.high:.3g}",
        f"{one.p_holm:.2g}",
    )


def funnel(found: Answer) -> list[tuple[str, ...]]:
    """Rows as `FUNNEL` has them."""
    return [
        (one.segment, one.step, f"{one.sessions:,}", f"{one.share:.1%}", f"{one.dropped:,}")
        for one in found.funnel
    ]


def summary(found: Answer, top: int) -> Iterable[str]:
    """Lines: what was looked at, and how many patterns were cut for which reason."""
    segment = f" of segment {found.segment}" if found.segment else ""
    yield f"{found.sessions:,} sessions{segment} of {found.visitors:,} visitors, {found.events:,} steps"
    limits, cut = found.question.limits, found.cut
    gap = "any number of other steps" if limits.max_gap is None else f"at most {limits.max_gap} other steps"
    size = f"in {found.least:,} sessions or more, at most {limits.max_length} steps"
    yield f"a pattern: {size}, {gap} between two"
    reasons = {
        "not shown, as --top says": max(len(found.patterns) - top, 0),
        "said as well by a longer one": cut.not_closed,
        "too short": cut.too_short,
        "steps too rare for any pattern": cut.rare_steps,
        "as long as allowed, longer ones not looked for": cut.at_max_length,
    }
    told = "; ".join(f"{count:,} {why}" for why, count in reasons.items() if count)
    yield f"{len(found.patterns):,} patterns{'; ' if told else ''}{told}"


def contrast_line(found: Answer) -> str:
    """A line: which groups are compared, and how many differences are sure."""
    if found.contrast is None:
        return f"no contrast: {found.no_contrast}"
    one = found.contrast
    sure = sum(each.p_holm < ALPHA for each in one.differences)
    return (
        f"{one.buyers:,} buyers before their {found.goal} against {one.leavers:,} leavers, a session each: "
        f"{len(one.differences):,} patterns of {one.least:,} visitors or more tested, {sure:,} differ"
    )


def _page(found: Answer, pictures: dict[str, bytes], top: int) -> Iterable[str]:
    title = "Paths" if found.segment is None else f"Paths of segment {escape(found.segment)}"
    yield f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    yield "".join(f"<p>{escape(line)}</p>" for line in summary(found, top))
    yield "<h2>Frequent paths</h2>" + table(PATTERNS, patterns(found, top))
    yield f"<h2>Buyers against leavers</h2><p>{escape(contrast_line(found))}</p>"
    for heading, of_buyers in (("More often by buyers", True), ("More often by leavers", False)):
        yield f"<h3>{heading}</h3>" + table(DIFFERENCES, differences(found, top, of_buyers=of_buyers))
    yield "<h2>Where sessions drop off</h2>" + table(FUNNEL, funnel(found))
    for name, content in pictures.items():
        told = base64.b64encode(content).decode()
        yield f'<img style="max-width:100%" alt="{name}" src="data:image/png;base64,{told}">'


def _matrix(found: Matrix, goal: str) -> Figure:
    """Step by position: sessions with the goal, without it, and the difference."""
    figure = Figure(figsize=(12, 1.2 + 0.3 * len(found.steps)), layout="constrained")
    sides = (
        (f"with {goal}", found.buyers, "viridis", (0.0, 1.0)),
        ("without", found.others, "viridis", (0.0, 1.0)),
        ("difference", found.buyers - found.others, "RdBu", (-0.5, 0.5)),
    )
    for number, (title, shares, colours, (low, high)) in enumerate(sides, 1):
        axes = figure.add_subplot(1, 3, number, title=title, xlabel="position in the session")
        drawn = axes.imshow(shares, aspect="auto", cmap=colours, vmin=low, vmax=high)
        axes.set_xticks(range(shares.shape[1]), [str(at) for at in range(1, shares.shape[1] + 1)], fontsize=7)
        axes.set_yticks(range(len(found.steps)), found.steps if number == 1 else [], fontsize=8)
        figure.colorbar(drawn, ax=axes, shrink=0.7)
    return figure


def _funnel(found: Answer) -> Figure:
    """A group of bars each step: the share of the step before, by segment."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.add_subplot(title="Of the step before", ylabel="share of sessions")
    segments = list(dict.fromkeys(one.segment for one in found.funnel))
    steps = list(dict.fromkeys(one.step for one in found.funnel))
    width = 0.8 / len(segments)
    for number, segment in enumerate(segments):
        shares = [one.share for one in found.funnel if one.segment == segment]
        axes.bar([at + number * width for at in range(len(steps))], shares, width, label=segment)
    axes.set_xticks([at + 0.4 - width / 2 for at in range(len(steps))], _labels(steps))
    axes.legend()
    return figure


def _labels(steps: Sequence[str]) -> list[str]:
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def _png(figure: Figure) -> bytes:
    told = io.BytesIO()
    figure.savefig(told, dpi=110, metadata={"Software": None})
    return told.getvalue()
