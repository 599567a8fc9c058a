"""In which segment of the lifecycle a visitor was when: from the signals of moves that the engine writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from connectors.contracts.segments import ENTERED, LEFT
from connectors.errors import BadInput
from jobs.offline.training.asked import run
from jobs.offline.training.events import Events, read_events
from jobs.settings import Settings
from state.logic import Document, Out
from state.options import Options
from state.segments.definition import compiled
from state.segments.language.loading import SHIPPED, load
from state.segments.membership import Segments
from state.visitors.rules import Rules

_LIFECYCLE = "lifecycle"
_SCHEMA: dict[str, Any] = {"visitor_id": pl.String, "at_ms": pl.Int64, "segment": pl.String}


class Lifecycle:
    """The lifecycle of a folder or file of segments.

    Attributes:
        segments: at work.
        names: of its segments.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Reads it; the shipped one where no path is given.

        Raises:
            BadInput: a file is refused, or none is a lifecycle.
        """
        found = [one.rule for one in load([path or SHIPPED]) if one.rule.kind == _LIFECYCLE]
        if not found:
            raise BadInput(f"{path} has no segments of the kind {_LIFECYCLE}", "name another folder or file")
        made = (compiled(rule, None) for rule in found)
        self.segments = Segments([one for one in made if one is not None])
        self.names: Sequence[str] = [one.name for rule in found for one in rule.segments]

    def require(self, name: str) -> None:
        """Looks whether it has a segment.

        Raises:
            BadInput: it has not.
        """
        if name not in self.names:
            raise BadInput(f"one of the segments {', '.join(self.names)} is required, {name!r} came")


def moves_in(
    events: Events, options: Options, lifecycle: Lifecycle, pack: Rules | None = None
) -> pl.DataFrame:
    """Every move of a history, in order of time: visitor_id, at_ms, segment (null: in none from then on).

    Args:
        events: the history.
        options: of the engine.
        lifecycle: the segments.
        pack: of rules, which hear of the events at the same time.
    """
    out = Out()
    run(events, options.replace(emits=frozenset({"signal"})), None, out, pack, lifecycle.segments)
    return moves_of(out.documents)


def moves_of_path(path: Path, settings: Settings, lifecycle: Path | None) -> pl.DataFrame:
    """The moves in a lake or a file of events, as the settings say and the segments of a folder or file."""
    options = Options.of(settings, ()).replace(bounded=True, scoring=False)
    return moves_in(read_events(path), options, Lifecycle(lifecycle))


def moves_of(documents: Iterable[Document]) -> pl.DataFrame:
    """The moves among what the engine has written."""
    rows = list[tuple[str, int, str | None]]()
    for one in documents:
        signal = orjson.loads(one.body) if one.kind == "signal" else {}
        if signal.get("status") != "active" or signal["kind"] not in (ENTERED, LEFT):
            continue
        evidence = signal["evidence"]
        if signal["kind"] == ENTERED or "next" not in evidence:
            segment = evidence["segment"] if signal["kind"] == ENTERED else None
            rows.append((signal["visitor_id"], signal["occurred_at_ms"], segment))
    found = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return found.unique(["visitor_id", "at_ms"], keep="last", maintain_order=True).sort("at_ms", "visitor_id")


def as_of(rows: pl.DataFrame, moves: pl.DataFrame, who: str, at: str) -> pl.DataFrame:
    """The rows, in their order, with the segment that each visitor was in at each moment, null for none.

    A move counts from its own millisecond on.

    >>> moves = pl.DataFrame({"visitor_id": ["v", "v"], "at_ms": [5, 9], "segment": ["new", None]})
    >>> as_of(pl.DataFrame({"who": ["v"] * 4, "at": [4, 5, 8, 9]}), moves, "who", "at")["segment"].to_list()
    [None, 'new', 'new', None]
    """
    numbered = rows.with_row_index("_row").sort(at)
    right = moves.rename({"visitor_id": who, "at_ms": "_moved_ms"}).sort("_moved_ms")
    joined = numbered.join_asof(
        right, left_on=at, right_on="_moved_ms", by=who, strategy="backward", check_sortedness=False
    )
    return joined.sort("_row").drop("_row", "_moved_ms", strict=False)
