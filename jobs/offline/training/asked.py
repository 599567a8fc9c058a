"""What models are asked in a history: the engine runs over it, and a scorer notes each question.

So a training row is what a live scorer sees, to the last bit: the same code, the same moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl

from connectors.contracts.model_inputs import OFFERED
from jobs.offline.training.events import Events
from jobs.offline.training.examples import Floats
from state.bucket import Bucket, Counts, DictStore, Live, taken
from state.devices.judged import Judged
from state.engine import Engine
from state.logic import FINAL, Out
from state.options import Options
from state.segments.membership import Segments
from state.visitor import Visitor
from state.visitors.logic import NO_SEGMENTS, VisitorsLogic
from state.visitors.rules import NoRules, Rules
from state.visitors.scoring import Answer, Request, Scorer, matrix

_SLICE = 2_000  # events that are taken together; what comes out does not depend on it
_CHUNK = 20_000  # questions that are kept as objects
_ANSWER: Answer = {"model": {"version": ""}, "score": 0.0, "evidence": {"band": "low"}}
_SCHEMA: dict[str, Any] = {
    "model": pl.String, "visitor_id": pl.String, "session_id": pl.String, "event_id": pl.String,
    "event_no": pl.Int64, "event_type": pl.String, "event_time_ms": pl.Int64, "closed_at_ms": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Every question, in the order in which they were asked.

    Attributes:
        rows: model, visitor_id, session_id; of the session's last event event_id, event_no, event_type and
            event_time_ms; closed_at_ms (0 while the session is open); row (its index in `vectors`).
        vectors: in the order of `connectors.contracts.model_inputs.OFFERED`.
        end_ms: event time of the last event.
    """

    rows: pl.DataFrame
    vectors: Floats
    end_ms: int

    def with_values(self, *names: str) -> pl.DataFrame:
        """The rows with some of the features as columns."""
        return self.rows.with_columns(
            pl.Series(name, self.vectors[:, OFFERED.index(name)], nan_to_null=True) for name in names
        )


class Notes:
    """A scorer that notes what it is asked, and thinks nothing of it."""

    def __init__(self) -> None:
        self._asked: list[Request] = []
        self._parts: list[tuple[pl.DataFrame, Floats]] = []

    def ask(self, request: Request) -> None:
        """Notes a question."""
        self._asked.append(request)
        if len(self._asked) >= _CHUNK:
            self._put_away()

    def answer(self, request: Request) -> Answer:
        """Says what leads to nothing."""
        return _ANSWER

    def serves(self, model: str) -> bool:
        """Only what every job asks is noted."""
        return False

    def _put_away(self) -> None:
        rows = pl.DataFrame([_row(one) for one in self._asked], schema=_SCHEMA, orient="row")
        self._parts.append((rows, matrix([one.moment for one in self._asked])))
        self._asked.clear()

    def taken(self, end_ms: int) -> Asked:
        """All that was asked."""
        if self._asked:
            self._put_away()
        rows = pl.concat([pl.DataFrame(schema=_SCHEMA), *(rows for rows, _ in self._parts)])
        empty = np.empty((0, len(OFFERED)), np.float32)
        return Asked(
            rows.with_row_index("row"), np.concatenate([empty, *(part for _, part in self._parts)]), end_ms
        )


def _row(request: Request) -> tuple[object, ...]:
    moment = request.moment
    return (
        request.model, request.visitor_id, moment.session_id, moment.event_id, moment.event_no,
        moment.event_type, moment.at, moment.closed_at,
    )  # fmt: skip


def asked_in(events: Events, options: Options) -> Asked:
    """What the models of a job with these options would have been asked.

    Args:
        events: the history.
        options: when they are asked; what ends a session; who is held back.
    """
    notes = Notes()
    return notes.taken(run(events, options, notes))


class _Engine(Protocol):
    def take(self, values: list[bytes], positions: None, ends_at: int) -> Out: ...
    def finish(self) -> Out: ...


def run(
    events: Events,
    options: Options,
    scorer: Scorer | None,
    out: Out | None = None,
    pack: Rules | None = None,
    segments: Segments = NO_SEGMENTS,
) -> int:
    """Has the engine run over a history; the time of the last event.

    Args:
        events: the history.
        options: of the engine.
        scorer: answers what is asked; None scores no visitor.
        out: gets the documents that the options want.
        pack: the rules; None has none.
        segments: what a visitor may be in.
    """
    engine: _Engine = (
        _Visitors(options, scorer, pack, segments)
        if events.are_judged
        else Engine(options, pack, scorer, buckets=1, segments=segments)
    )
    end_ms = 0
    for values, ends_at in slices(events):
        found, end_ms = engine.take(values, None, ends_at), ends_at - 1
        if out is not None:
            out.documents += found.documents
    found = engine.finish()
    if out is not None:
        out.documents += found.documents
    return end_ms


def slices(events: Events) -> Iterator[tuple[list[bytes], int]]:
    """Messages that follow each other, and the time behind the last one; all of a millisecond are in one."""
    values, last_ms = list[bytes](), 0
    for at, value in events.messages():
        if len(values) >= _SLICE and at > last_ms:
            yield values, last_ms + 1
            values = []
        values.append(value)
        last_ms = at
    if values:
        yield values, last_ms + 1


class _Visitors:
    """VISITORS alone, over events that were judged before."""

    def __init__(
        self, options: Options, scorer: Scorer | None, pack: Rules | None, segments: Segments
    ) -> None:
        self._live = Live(100_000)
        logic = VisitorsLogic(options, pack or NoRules(), scorer, lambda: 0, segments)
        self._bucket = Bucket[Visitor, Judged](0, logic, DictStore(), self._live.objects, Counts())

    def take(self, values: list[bytes], positions: None, ends_at: int) -> Out:
        """Takes the events of a slice, then what was asked in it is answered."""
        out = taken(self._bucket, values, positions, ends_at, late=False)
        self._bucket.settle(ends_at, out)
        self._live.trim()
        return out

    def finish(self) -> Out:
        """Everything that is pending comes to its end."""
        out = Out()
        self._bucket.settle(FINAL, out)
        return out
