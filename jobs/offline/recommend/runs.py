"""A run: from events to what tables are worth, and to a version for the registry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from connectors.contracts.table_manifest import Fit, TableManifest
from connectors.errors import BadInput
from connectors.models.files import MANIFEST, TABLE
from connectors.models.registry import Registry
from connectors.models.tables import RELATED, to_lines
from jobs.offline.recommend.evaluation import (
    HEADLINES,
    LIVE_GAIN,
    NIGHTLY,
    Judged,
    Told,
    choose,
    fitted,
    judge,
    parts,
)
from jobs.offline.recommend.history import Looks, Questions
from jobs.offline.recommend.methods import METHODS, matrix_of
from jobs.offline.recommend.moments import Live
from jobs.offline.recommend.reading import LIVE, POPULARITY, Reader, valid_events
from jobs.offline.training.evaluation import Estimate
from jobs.offline.training.events import Events

MIN_ITEMS = 20
MIN_VISITORS = {2: 50, 5: 20}  # visitors who looked at so many items before the days of choosing
MIN_QUESTIONS = 50  # of the days of choosing, and of the test


@dataclass(frozen=True)
class Run:
    """What a run found.

    Attributes:
        looks: the whole history.
        judged: what everybody is worth.
        choose_from_ms, test_from_ms: where the parts begin.
        seed: of everything random.
    """

    looks: Looks
    judged: Judged
    choose_from_ms: int
    test_from_ms: int
    seed: int


def run(events: Events, test_days: float | None, seed: int, told: Told, with_live: bool = True) -> Run:
    """Goes through a history, chooses a method and judges everybody.

    Args:
        events: the history.
        test_days: at the end, to judge on; None: a third.
        seed: of everything random.
        told: learns what is being done.
        with_live: whether the live table is judged, too.

    Raises:
        BadInput: there are too few items, visitors or questions.
    """
    first_ms = next(iter(events.messages()))[0]
    choose_from, test_from = parts(first_ms, events.end_ms(), test_days)
    told("reading")
    reader = Reader(choose_from, test_from, Live() if with_live else None)
    for event in valid_events(events):
        reader.take(event)
    looks, questions = reader.read()
    before, test = (
        questions.between(choose_from, test_from),
        questions.between(test_from, events.end_ms() + 1),
    )
    _check(looks, choose_from, before, test)
    chances = choose(looks, before, choose_from, seed, told)
    judged = judge(looks, test, test_from, chances, seed, told)
    return Run(looks, judged, choose_from, test_from, seed)


def _check(looks: Looks, choose_from_ms: int, before: Questions, test: Questions) -> None:
    early = looks.before(choose_from_ms)
    came = {"items": (len(np.unique(early.items)), MIN_ITEMS)}
    came |= {
        f"visitors with {items} items": (matrix_of(early, items).shape[0], least)
        for items, least in MIN_VISITORS.items()
    }
    came["next products on the days of choosing"] = (len(before), MIN_QUESTIONS)
    came["next products on the days of the test"] = (len(test), MIN_QUESTIONS)
    short = [f"{least} {what} ({found:,} came)" for what, (found, least) in came.items() if found < least]
    if short:
        raise BadInput(
            f"too little to fit: at least {', '.join(short)} are required",
            "give more days, or events of product_view, product_click or add_to_cart that name products",
        )


def write_version(found: Run, objections: list[str], folder: Path, code_version: str) -> TableManifest:
    """Fits the chosen method to the whole history and writes the version into `folder`."""
    looks, chosen = found.looks, METHODS[found.judged.chosen]
    table = fitted(chosen, looks, found.seed)
    names = looks.names
    content = to_lines(
        (name, [(names[other], round(score, 6)) for other, score in related])
        for item, name in enumerate(names)
        if (related := table.related(item))
    )
    digest = hashlib.sha256(content).hexdigest()
    last = datetime.fromtimestamp(int(looks.at_ms[-1]) / 1000, UTC)
    manifest = TableManifest(
        name=RELATED, version=f"{last:%Y%m%d}-{digest[:8]}", sha256=digest, training=_fit_of(found),
        metrics={name: round(one.value, 6) for name, one in found.judged.shown_by[NIGHTLY].items()},
        objections=tuple(objections), code_version=code_version,
    )  # fmt: skip
    target = folder / manifest.version
    target.mkdir(parents=True, exist_ok=True)
    (target / TABLE).write_bytes(content)
    (target / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def live_algorithm(registry: Registry) -> str | None:
    """The method of the version that is live; None when none is."""
    pointer = registry.pointer(RELATED)
    return registry.any_manifest(RELATED, pointer.version).training.algorithm if pointer else None


def _fit_of(found: Run) -> Fit:
    looks, method = found.looks, METHODS[found.judged.chosen]
    return Fit(
        from_ms=int(looks.at_ms[0]), to_ms=int(looks.at_ms[-1]), events=len(looks),
        visitors=matrix_of(looks, method.least_items).shape[0], items=len(looks.names),
        algorithm=found.judged.chosen, parameters=dict(method.parameters), seed=found.seed,
    )  # fmt: skip


def answers(judged: Judged) -> dict[str, bool | None]:
    """What was to be found out, yes or no; None where nothing tells."""
    live, nightly, popular = (judged.shown_by.get(name) for name in (LIVE, NIGHTLY, POPULARITY))
    if not live or not nightly or not popular:
        return {}
    gain = judged.fresh.get(LIVE_GAIN)
    return {
        "live_above_popularity": all(live[name].low > popular[name].high for name in HEADLINES),
        "live_not_below_nightly": all(live[name].value >= nightly[name].value for name in HEADLINES),
        "live_above_nightly_on_new_items": all(gain[name].low > 0 for name in HEADLINES) if gain else None,
    }


def document(found: Run) -> dict[str, Any]:
    """All figures, for `--json` and report.json."""
    judged = found.judged
    metrics = list(next(iter(judged.shown_by.values())))
    shown: dict[str, Any] = {name: _by_who(name, judged.shown_by) for name in metrics}
    shown |= {
        name: {who: round(values[name], 6) for who, values in judged.coverage.items()}
        for name in next(iter(judged.coverage.values()))
    }
    return {
        **shown,
        "answers": answers(judged),
        "chosen": judged.chosen,
        "choosing_map@20": {name: round(value, 6) for name, value in judged.chances.items()},
        "live_less": {who: _plain(values) for who, values in judged.differences.items()},
        "new_items": {name: _by_who(name, judged.fresh) for name in HEADLINES},
        "counts": {**judged.counts, "items": len(found.looks.names), "looks": len(found.looks)},
        "choose_from_ms": found.choose_from_ms,
        "test_from_ms": found.test_from_ms,
        "end_ms": int(found.looks.at_ms[-1]),
        "seed": found.seed,
    }


def _by_who(metric: str, shown_by: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Any]:
    values = {who: round(found[metric].value, 6) for who, found in shown_by.items()}
    return values | {
        f"{who}_interval": [round(found[metric].low, 6), round(found[metric].high, 6)]
        for who, found in shown_by.items()
    }


def _plain(values: Mapping[str, Estimate]) -> dict[str, list[float]]:
    return {name: [round(x, 6) for x in (one.value, one.low, one.high)] for name, one in values.items()}
