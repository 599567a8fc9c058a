"""The report of a run: one HTML page, its pictures, and the numbers as JSON."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import orjson
from matplotlib.figure import Figure

from jobs.offline.pages import STYLE, table
from jobs.offline.recommend.evaluation import HEADLINES, LIVE_GAIN, NIGHTLY, ONCE
from jobs.offline.recommend.metrics import CUTS
from jobs.offline.recommend.reading import FROZEN, LIVE, POPULARITY
from jobs.offline.recommend.runs import Run, answers, document
from jobs.offline.times import utc
from jobs.offline.training.evaluation import Estimate

WORDS = {
    LIVE: "live, as served",
    FROZEN: "live, as of last night",
    NIGHTLY: "nightly, the chosen method",
    ONCE: "the chosen method, fitted once",
    POPULARITY: "popularity of the moment",
    LIVE_GAIN: "live less nightly",
}
_HEAD = ("shown by", *map(str, CUTS))
_METRICS = ("recall", "map", "ndcg", "precision", "novelty")


def write(found: Run, objections: Sequence[str] | None, folder: Path) -> Path:
    """Writes report.html and report.json; returns the page. The folder is made.

    Args:
        found: of the run.
        objections: of the gate; None where nothing is to be published.
        folder: is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = document(found) | ({} if objections is None else {"objections": list(objections)})
    (folder / "report.json").write_bytes(orjson.dumps(numbers, option=orjson.OPT_INDENT_2))
    page = folder / "report.html"
    page.write_text("\n".join(_page(found, objections)) + "\n", encoding="utf-8")
    return page


def rows(found: Run) -> list[tuple[str, ...]]:
    """The lines that matter most: who shows, recall@20, map@20, coverage@20."""
    judged = found.judged
    return [
        (*_line(who, values), f"{judged.coverage[who]['coverage@20']:.3f}")
        for who, values in sorted(judged.shown_by.items(), key=lambda pair: -pair[1]["map@20"].value)
    ]


def _line(who: str, values: Mapping[str, Estimate]) -> tuple[str, ...]:
    return (WORDS.get(who, who), *(str(values[name]) for name in HEADLINES))


def said(found: Run) -> list[str]:
    """What was to be found out, in sentences."""
    words = {True: "yes", False: "no", None: "nothing tells"}
    return [f"{name.replace('_', ' ')}: {words[value]}" for name, value in answers(found.judged).items()]


def _page(found: Run, objections: Sequence[str] | None) -> Iterable[str]:
    judged, looks = found.judged, found.looks
    yield f"<!doctype html><meta charset=utf-8><title>Recommendations</title><style>{STYLE}</style>"
    yield f"<h1>Recommendations, {utc(found.test_from_ms)} to {utc(int(looks.at_ms[-1]))} (UTC)</h1>"
    yield f"<p>Chosen on the days from {utc(found.choose_from_ms)}: <b>{judged.chosen}</b>. "
    yield f"{judged.counts['questions']:,} next products of {judged.counts['visitors']:,} visitors; ranked"
    yield f" against all {len(looks.names):,} items but those of the session.</p>"
    if objections is not None:
        yield _verdict(objections)
    yield "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in said(found)) + "</ul>"
    yield "<h2>Who shows</h2><p>95 % intervals: visitors drawn with replacement.</p>"
    yield table(("shown by", *HEADLINES, "coverage@20"), rows(found))
    for picture in (_bars(found), _cuts(found), _spread(found)):
        yield f'<img alt="" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
    yield from _differences(found)
    yield "<h2>Choosing</h2>" + table(
        ("method", "map@20"), [(name, f"{value:.4f}") for name, value in judged.chances.items()]
    )
    for metric in _METRICS:
        yield f"<h2>{metric}</h2>{_all(found, metric)}"
    coverage = [
        (WORDS.get(who, who), *(f"{value:.3f}" for value in values.values()))
        for who, values in judged.coverage.items()
    ]
    yield "<h2>coverage</h2>" + table(_HEAD, coverage)


def _verdict(objections: Sequence[str]) -> str:
    if not objections:
        return "<p><b>The gate lets it pass.</b></p>"
    items = "".join(f"<li>{escape(text)}</li>" for text in objections)
    return f"<p><b>The gate refuses it:</b></p><ul>{items}</ul>"


def _differences(found: Run) -> Iterable[str]:
    judged = found.judged
    if judged.differences:
        yield "<h2>Live less another, question by question</h2>"
        yield table(("less", *HEADLINES), [_line(*one) for one in judged.differences.items()])
    if judged.fresh:
        told = f"{judged.counts['fresh_questions']:,} of {judged.counts['fresh_visitors']:,} visitors"
        yield f"<h2>Items first seen less than 24 hours before: {told}</h2>"
        yield table(("shown by", *HEADLINES), [_line(*one) for one in judged.fresh.items()])


def _all(found: Run, metric: str) -> str:
    lines = [
        (WORDS.get(who, who), *(str(values[f"{metric}@{cut}"]) for cut in CUTS))
        for who, values in found.judged.shown_by.items()
    ]
    return table(_HEAD, lines)


def _bars(found: Run) -> bytes:
    shown_by = sorted(found.judged.shown_by.items(), key=lambda pair: pair[1]["recall@20"].value)
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="recall@20", title="With 95 % intervals")
    for place, (_, values) in enumerate(shown_by):
        one = values["recall@20"]
        axes.plot([one.low, one.high], [place, place], color="C0", linewidth=3)
        axes.plot([one.value], [place], marker="o", color="black")
    axes.set_yticks(range(len(shown_by)), [WORDS.get(who, who) for who, _ in shown_by], fontsize=7)
    return _png(figure)


def _cuts(found: Run) -> bytes:
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="items shown", ylabel="recall", title="Recall by length of the list")
    for who in (LIVE, FROZEN, NIGHTLY, POPULARITY):
        if values := found.judged.shown_by.get(who):
            axes.plot(CUTS, [values[f"recall@{cut}"].value for cut in CUTS], marker="o", label=WORDS[who])
    axes.legend(fontsize=7)
    return _png(figure)


def _spread(found: Run) -> bytes:
    judged, figure = found.judged, Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="coverage@20", ylabel="novelty@20, bits", title="How much of the shop")
    for who, values in judged.shown_by.items():
        place = judged.coverage[who]["coverage@20"], values["novelty@20"].value
        axes.plot(*place, marker="o")
        axes.annotate(WORDS.get(who, who), place, fontsize=6)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    told = io.BytesIO()
    figure.savefig(told, format="png", dpi=110, metadata={"Software": None})
    return told.getvalue()
