"""What the stream writes of events, by the engine: scores of a model, features at its moments and of sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import orjson

from connectors.contracts.model_inputs import OFFERED
from jobs.offline.training.asked import run
from jobs.offline.training.events import Events, Messages
from jobs.offline.training.rows import Moments
from state.logic import Out
from state.visitor import Moment
from state.visitors.scoring import Answer, BatchScorer, Matrix, matrix
from udfs.model_runtime import Model

Document = dict[str, Any]


def head(events: Events, count: int) -> Messages:
    """The first events."""
    return Messages(value for _, value in islice(events.messages(), count))


def changed(events: Events, change: Callable[[Document], Document | None]) -> Messages:
    """The events as a function has them; None leaves one out."""
    documents = (change(orjson.loads(value)) for _, value in events.messages())
    return Messages(orjson.dumps(one) for one in documents if one is not None)


def with_product(document: Document, **more: Any) -> Document:
    """The event with other members of its product, where it has one."""
    return {**document, "product": {**document["product"], **more}} if "product" in document else document


def scores(
    model: Model,
    events: Events,
    shadow: Callable[[float], float] | None = None,
    moments: Moments | None = None,
) -> Iterator[bytes]:
    """Documents of footfall.scores in the order of time, one a moment of the model."""
    kind, version = model.manifest.name, model.manifest.version
    columns = [OFFERED.index(name) for name in model.manifest.names]

    def answer(score: float) -> Answer:
        said: Answer = {"model": {"version": version}, "score": score, "evidence": {"band": "low"}}
        return said | ({"shadow": {"version": "o", "score": shadow(score)}} if shadow else {})

    def answers(names: list[str], asked: list[Moment]) -> list[Answer]:
        found: Matrix = np.atleast_1d(model.score(matrix(asked)[:, columns]))
        return [answer(score) for score in found.tolist()]

    for document in _documents(events, "score", BatchScorer(answers), moments):
        if orjson.loads(document)["kind"] == kind:
            yield document


def features(events: Events) -> Iterator[bytes]:
    """Documents of footfall.features in the order in which they come."""
    nothing: Answer = {"model": {"version": ""}, "score": 0.0, "evidence": {"band": "low"}}
    yield from _documents(events, "features", BatchScorer(lambda names, asked: [nothing] * len(names)), None)


def _documents(events: Events, kind: str, scorer: BatchScorer, moments: Moments | None) -> list[bytes]:
    """What is written up to the last event: sessions that are open then end later."""
    out = Out()
    end_ms = run(events, (moments or Moments()).options(kind), scorer, out)
    written = [one for one in out.documents if one.version <= end_ms]
    return [one.body for one in sorted(written, key=lambda one: one.version)]
