"""Cut-offs of RFM out of a history: fifths of the buyers, as an artefact with a date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from connectors.errors import BadInput
from jobs.offline import backfill as engine_runs
from jobs.offline.backfill import Arrival
from jobs.offline.rules.trial import options_of
from jobs.settings import Settings
from state.engine import Engine
from state.segments.language.cutoffs import Cutoffs
from state.visitor import Visitor

LEAST_BUYERS = 5


def cutoffs_of(history: Iterable[Arrival], settings: Settings, source: str) -> Cutoffs:
    """The cut-offs of a history's buyers, as of its newest event.

    Args:
        history: in order of arrival.
        settings: of the job; what is late and whose an event is follows from them.
        source: what the history is, for people.

    Raises:
        BadInput: too few visitors have bought.
    """
    engine = Engine(options_of(settings).replace(emits=frozenset()), buckets=8)
    for _ in engine_runs.run(engine, history, settings.out_of_orderness_ms):
        pass
    visitors = [bucket.entity(key) for bucket in engine.visitors for key in list(bucket.due)]
    as_of_ms = max((one.last_at for one in visitors), default=0)
    return _cutoffs([one for one in visitors if one.purchases], as_of_ms, source)


def _cutoffs(buyers: Sequence[Visitor], as_of_ms: int, source: str) -> Cutoffs:
    if len(buyers) < LEAST_BUYERS:
        raise BadInput(
            f"{source}: at least {LEAST_BUYERS} visitors that bought are required, {len(buyers)} are there",
            "give a longer history",
        )
    return Cutoffs(
        date=datetime.fromtimestamp(as_of_ms / 1000, UTC).date().isoformat(),
        as_of_ms=as_of_ms,
        buyers=len(buyers),
        source=source,
        recency_ms=fifths([as_of_ms - one.purchase_at for one in buyers]),
        frequency=fifths([one.purchases for one in buyers]),
        monetary=fifths([one.revenue for one in buyers]),
    )


def fifths(values: Sequence[float]) -> list[float]:
    """Four values up to which so many fifths lie; each is one of them.

    >>> fifths([5, 1, 4, 2, 3])
    [1.0, 2.0, 3.0, 4.0]
    """
    ordered = sorted(values)
    return [float(ordered[max(0, -(-len(ordered) * part // 5) - 1)]) for part in range(1, 5)]
