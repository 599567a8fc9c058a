"""What a run of training works with: rows and their split, the live version to beat, the summary."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from connectors.contracts.model_inputs import INTENT
from connectors.errors import BadInput
from connectors.models.registry import Registry
from jobs.offline.training import gate
from jobs.offline.training.evaluation import Estimate, evaluate
from jobs.offline.training.events import Events
from jobs.offline.training.examples import Examples, Split, split_in_time
from jobs.offline.training.logged import logged_examples
from jobs.offline.training.monitor import lines_of, read_log
from jobs.offline.training.pipeline import Outcome
from jobs.offline.training.rows import HOUR_MS, Moments, model_rows
from udfs.model_runtime import load_pointed

_DAY_MS = 24 * HOUR_MS
_NEEDED_DAYS = {
    "hour_utc": 7, "weekday_utc": 28, "days_since_first_seen": 28, "days_away": 28, "days_since_purchase": 28,
}  # fmt: skip


def meaning(model: str, horizon_hours: float) -> str:
    """What a positive label says."""
    if model == INTENT:
        return "a purchase in the rest of the session"
    return f"no session within {horizon_hours:g} hours after this one"


def rows_of(model: str, events: Events, moments: Moments, scores: Path | None) -> Examples:
    """Rows of a history: asked anew, or with a log of scores those that were scored."""
    if scores is None:
        return model_rows(model, events, moments)
    return logged_examples(read_log(lines_of(scores), model), model, events, moments)


def learnable(rows: Examples, leave_out: tuple[str, ...]) -> Examples:
    """The rows without what is to be left out."""
    unknown = sorted(set(leave_out) - set(rows.names))
    if unknown:
        raise BadInput(f"--leave-out {unknown[0]}: no such feature", "docs/features.md lists them")
    span_ms = int(rows.at_ms.max() - rows.at_ms.min())
    return rows.without({*leave_out, *too_early(span_ms)})


def too_early(span_ms: int) -> set[str]:
    """Features that a span so short cannot teach: a model would learn its few days by heart.

    >>> sorted(too_early(6 * _DAY_MS))
    ['days_away', 'days_since_first_seen', 'days_since_purchase', 'hour_utc', 'weekday_utc']
    """
    return {name for name, days in _NEEDED_DAYS.items() if span_ms < days * _DAY_MS}


def in_time(rows: Examples, end_ms: int, test_days: float | None, delay_ms: int) -> Split:
    """The last days for the test, or without a number the last quarter; validation: a quarter of the rest.

    A label that takes `delay_ms` to be known costs so much time between two parts.
    """
    first_ms, last_ms = int(rows.at_ms.min()), int(rows.at_ms.max())
    test_from_ms = end_ms - int(test_days * _DAY_MS) if test_days else last_ms - (last_ms - first_ms) // 4
    usable_ms = max(test_from_ms - first_ms - 2 * delay_ms, 0)
    return split_in_time(rows, test_from_ms, test_from_ms - delay_ms - usable_ms // 4)


def live_estimate(outcome: Outcome, registry: Registry) -> Estimate | None:
    """Average precision of the live version on the candidate's test rows, if it knows them."""
    pointer = registry.pointer(outcome.task.name)
    if pointer is None:
        return None
    model = load_pointed(registry, outcome.task.name, pointer)
    test = outcome.split.test
    if not gate.same_inputs(model.manifest, test.names):
        return None
    columns = [test.names.index(name) for name in model.manifest.names]
    return evaluate(test, model.score(test.features[:, columns]), model.manifest.threshold, 0)[
        "average_precision"
    ]


def summary(outcome: Outcome) -> Iterable[str]:
    """The lines that matter most."""
    yield f"{outcome.task.name} {outcome.manifest.version}: {outcome.chosen}, {outcome.task.label}"
    for part, rows in (
        ("train", outcome.split.train),
        ("valid", outcome.split.valid),
        ("test", outcome.split.test),
    ):
        yield f"{part}: {len(rows):,} rows, {int(rows.labels.sum()):,} positive"
    for where, found in {"all": outcome.estimates, **outcome.by_point}.items():
        for scorer, estimates in found.items():
            shown = "  ".join(f"{name} {estimates[name]}" for name in ("average_precision", "auc", "brier"))
            yield f"{where:12} {scorer:12} {shown}"
    yield f"ONNX differs by at most {outcome.parity:.2g} on {outcome.parity_rows:,} rows"
