"""What tables are worth on the last days of a history: refitted each night, and live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from jobs.offline.recommend import metrics
from jobs.offline.recommend.blending import blended, filled
from jobs.offline.recommend.history import NONE, SHOWN, Codes, Looks, Questions
from jobs.offline.recommend.methods import METHODS, Method, Table, matrix_of
from jobs.offline.recommend.metrics import CUTS, Hits, Values
from jobs.offline.recommend.reading import LIVE, POPULARITY
from jobs.offline.training.evaluation import Estimate
from state.options import DAY_MS

RESAMPLES = 1_000
NIGHTLY, ONCE, LIVE_GAIN = "nightly", "fitted_once", "live_gain"
HEADLINES = ("recall@20", "map@20")
Scores = Mapping[str, Mapping[str, Values]]  # by who shows, by metric: of each question
Told = Callable[[str], None]


@dataclass(frozen=True)
class Judged:
    """What came of an evaluation.

    Attributes:
        chosen: the method of NIGHTLY: the best on the days before the test, by MAP.
        chances: MAP of every method on those days.
        shown_by: estimates by who shows, by metric; of every method refitted nightly, too.
        coverage: share of the items that came before the end, by who shows, by `coverage@20` and so on.
        differences: of MAP and recall, live less another, of the same resampled visitors.
        fresh: recall and MAP of questions whose answer was first seen less than 24 hours before; `live_gain`
            is live less NIGHTLY there.
        counts: questions, fresh questions, visitors of both.
    """

    chosen: str
    chances: Mapping[str, float]
    shown_by: Mapping[str, Mapping[str, Estimate]]
    coverage: Mapping[str, Mapping[str, float]]
    differences: Mapping[str, Mapping[str, Estimate]]
    fresh: Mapping[str, Mapping[str, Estimate]]
    counts: Mapping[str, int]


def lists_of(table: Table, questions: Questions) -> Codes:
    """What the table would have shown; behind it what was popular at the moment, as in the shop."""
    shown = np.full((len(questions), SHOWN), NONE, np.int32)
    popular = questions.lists[POPULARITY]
    for row, (context, seen) in enumerate(zip(questions.contexts, questions.seen, strict=True)):
        best = blended(map(table.related, context), seen, SHOWN)
        if len(best) < SHOWN:
            best = filled(best, popular[row][popular[row] != NONE].tolist(), SHOWN)
        shown[row, : len(best)] = best
    return shown


def fitted(method: Method, looks: Looks, seed: int) -> Table:
    """The method's table of these looks."""
    return method.fit(matrix_of(looks, method.least_items), seed)


def nightly_lists(method: Method, looks: Looks, questions: Questions, from_ms: int, seed: int) -> Codes:
    """What tables would have shown that are fitted anew each 24 hours, of all that came before."""
    parts = [
        lists_of(fitted(method, looks.before(night), seed), part)
        for night, part in _nights(questions, from_ms)
    ]
    return np.concatenate(parts)


def _nights(questions: Questions, from_ms: int) -> Iterator[tuple[int, Questions]]:
    for night in range(from_ms, int(questions.at_ms[-1]) + 1, DAY_MS):
        part = questions.between(night, night + DAY_MS)
        if len(part):
            yield night, part


def choose(looks: Looks, questions: Questions, from_ms: int, seed: int, told: Told) -> dict[str, float]:
    """MAP@20 of every method fitted at `from_ms`, on the questions after it; the best first."""
    found = {}
    for name, method in METHODS.items():
        told(f"choosing: {name}")
        lists = lists_of(fitted(method, looks.before(from_ms), seed), questions)
        hits = metrics.hits_of(lists, _relevant(questions))
        found[name] = float(metrics.average_precision(hits, np.ones(len(questions)), SHOWN).mean())
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def judge(
    looks: Looks, questions: Questions, from_ms: int, chances: Mapping[str, float], seed: int, told: Told
) -> Judged:
    """Judges everybody on the questions from `from_ms` on.

    Args:
        looks: the whole history.
        questions: of the test, with what was shown live.
        from_ms: the first night.
        chances: of the methods, the chosen one first.
        seed: of everything random.
        told: learns what is being done.
    """
    chosen, lists = next(iter(chances)), dict(questions.lists)
    for name, method in METHODS.items():
        told(f"fitting nightly: {name}")
        lists[name] = nightly_lists(method, looks, questions, from_ms, seed)
    lists[NIGHTLY] = lists[chosen]
    lists[ONCE] = lists_of(fitted(METHODS[chosen], looks.before(from_ms), seed), questions)
    told("resampling")
    known = looks.before(from_ms)
    scores = {
        name: metrics.of_lists(found, _relevant(questions), _shares(known)) for name, found in lists.items()
    }
    fresh = questions.at_ms - looks.first_ms()[questions.answers] < DAY_MS
    return Judged(
        chosen, chances,
        {name: _estimates(found, questions.visitors, seed) for name, found in scores.items()},
        {name: {f"coverage@{cut}": metrics.coverage(found, len(looks.names), cut) for cut in CUTS}
         for name, found in lists.items()},
        _differences(scores, questions.visitors, seed),
        _of_fresh(scores, questions, fresh, seed),
        {"questions": len(questions), "visitors": len(np.unique(questions.visitors)),
         "fresh_questions": int(fresh.sum()), "fresh_visitors": len(np.unique(questions.visitors[fresh]))},
    )  # fmt: skip


def _relevant(questions: Questions) -> list[set[int]]:
    return [{answer} for answer in questions.answers.tolist()]


def _shares(looks: Looks) -> Values:
    """Of each item the share of visitors who looked at it; of one without any, as if half a visitor had."""
    pairs = np.unique(np.column_stack([looks.visitors, looks.items]), axis=0)
    counts = np.bincount(pairs[:, 1], minlength=len(looks.names))
    return np.asarray(np.maximum(counts, 0.5) / max(len(np.unique(looks.visitors)), 1))


def _estimates(values: Mapping[str, Values], owners: Codes, seed: int) -> dict[str, Estimate]:
    """The mean of each metric with its 95 % interval: visitors are drawn with replacement."""
    names, table = list(values), np.column_stack(list(values.values()))
    _, places, counts = np.unique(owners, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), len(names)))
    np.add.at(sums, places, table)
    rng, drawn = np.random.default_rng(seed), np.empty((RESAMPLES, len(names)))
    for row in drawn:
        draw = rng.integers(0, len(counts), len(counts))
        row[:] = sums[draw].sum(axis=0) / counts[draw].sum()
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    means = table.mean(axis=0)
    return {
        name: Estimate(float(means[at]), float(low[at]), float(high[at])) for at, name in enumerate(names)
    }


def _differences(scores: Scores, owners: Codes, seed: int) -> dict[str, dict[str, Estimate]]:
    """Live less each other, question by question."""
    if LIVE not in scores:
        return {}
    return {
        name: _estimates({metric: scores[LIVE][metric] - found[metric] for metric in HEADLINES}, owners, seed)
        for name, found in scores.items()
        if name != LIVE
    }


def _of_fresh(scores: Scores, questions: Questions, fresh: Hits, seed: int) -> dict[str, dict[str, Estimate]]:
    if not fresh.any():
        return {}
    values = {name: {metric: found[metric][fresh] for metric in HEADLINES} for name, found in scores.items()}
    if LIVE in values:
        values[LIVE_GAIN] = {metric: values[LIVE][metric] - values[NIGHTLY][metric] for metric in HEADLINES}
    return {name: _estimates(found, questions.visitors[fresh], seed) for name, found in values.items()}


def parts(first_ms: int, end_ms: int, test_days: float | None) -> tuple[int, int]:
    """When choosing and when the test begins: the last third, in whole days where it is one; a third before.

    >>> [at / DAY_MS for at in parts(0, 14 * DAY_MS - 1, None)]
    [6.0, 9.0]
    """
    span = end_ms + 1 - first_ms
    third = round(span / 3 / DAY_MS) * DAY_MS or span // 3
    test = int(test_days * DAY_MS) if test_days else third
    return _third_before(first_ms, end_ms + 1 - test), end_ms + 1 - test


def _third_before(first_ms: int, test_from_ms: int) -> int:
    span = test_from_ms - first_ms
    return test_from_ms - (round(span / 3 / DAY_MS) * DAY_MS or span // 3)
