"""Sessions as the engine cuts them, and their steps: it runs over history, a pack of rules notes them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from connectors.contracts.vocabulary import EVENT_TYPES, known_type
from connectors.errors import BadInput
from jobs.offline.memberships import Lifecycle, as_of, moves_in
from jobs.offline.paths.sequences import Integers, Sequences
from jobs.offline.training.events import Events
from state.events import Event, text_in
from state.options import Options
from state.rules.kinds.base import Emit, Finding
from state.visitor import Session, Visitor
from state.visitors.rules import NoRules, Rules

_LONGEST = 100  # characters of a page or category in a step's name
_REPORT_EVERY = 1_000  # events
Name = Callable[[Event], str]


def _with_category(event: Event) -> str:
    return _joined(event, text_in(event.product, "category"))


def _with_page(event: Event) -> str:
    return _joined(event, (text_in(event.context, "path") or "").partition("?")[0])


def _joined(event: Event, more: str | None) -> str:
    return f"{event.event_type} {more[:_LONGEST]}" if more else event.event_type


STEPS: dict[str, Name] = {
    "type": lambda event: event.event_type,
    "category": _with_category,
    "page": _with_page,
}


@dataclass(frozen=True)
class Wanted:
    """What is a step.

    Attributes:
        steps: one of `STEPS`: what a step is named by.
        goal: the event type that sessions are judged by.
        leave_out: event types that are no steps.
        repeats: whether a step that follows itself counts again.
    """

    steps: str = "type"
    goal: str = "purchase"
    leave_out: frozenset[str] = frozenset()
    repeats: bool = False

    def check(self) -> None:
        """Looks at the names.

        Raises:
            BadInput: an event type is none, or the goal is left out.
        """
        for name in (self.goal, *sorted(self.leave_out)):
            if not known_type(name):
                raise BadInput(
                    f"{name!r} is no event type", f"name one of {', '.join(EVENT_TYPES)}, or custom:<name>"
                )
        if self.goal in self.leave_out:
            raise BadInput(f"the goal {self.goal} is left out", "leave out other types")


@dataclass(frozen=True)
class Sessions:
    """Sessions and their steps.

    Attributes:
        table: a row each session, in order of its beginning: session_id, visitor_id, started_at_ms, reached
            (the furthest step of the funnel, 0 where it came to none), goal_at (position of the first goal,
            null where there is none), segment (as of its beginning, null where the visitor was in none).
        steps: of all sessions behind one another, indices of `names`.
        owner: of each step, the row of its session.
        names: of steps.
        events: how many steps there were, those too that are repeated.
    """

    table: pl.DataFrame
    steps: Integers
    owner: Integers
    names: tuple[str, ...]
    events: int

    def sequences(self) -> Sequences:
        """For the miners."""
        return Sequences(self.steps, self.owner, np.zeros(len(self.table), np.int32))

    def chosen(self, rows: Integers) -> Sessions:
        """Only the sessions of some rows, which are in order."""
        number = np.full(len(self.table), -1)
        number[rows] = np.arange(len(rows))
        kept = number[self.owner] >= 0
        moved = np.cumsum(kept) - 1
        table = self.table[rows].with_columns(
            pl.col("goal_at").map_elements(lambda at: int(moved[at]), return_dtype=pl.Int64)
        )
        return Sessions(table, self.steps[kept], number[self.owner[kept]], self.names, int(kept.sum()))


class _Notes(NoRules):
    """A pack of rules that notes each event as a step of its session."""

    def __init__(self, wanted: Wanted, funnel: Rules) -> None:
        self._name, self._goal, self._leave_out = STEPS[wanted.steps], wanted.goal, wanted.leave_out
        self._funnel, self._numbers = funnel, dict[str, int]()
        self._rows, self._steps, self._goals = array("l"), array("l"), array("b")
        self._session = dict[str, int]()
        self._sessions = list[tuple[str, str, int]]()
        self._reached = dict[str, int]()

    def on_event(
        self, visitor: Visitor, session: Session, event: Event, previous_at: int, emit: Emit
    ) -> None:
        """Notes the step."""
        row = self._session.setdefault(session.id, len(self._sessions))
        if row == len(self._sessions):
            self._sessions.append((session.id, visitor.id, session.started_at))
        if event.event_type not in self._leave_out:
            self._rows.append(row)
            self._steps.append(self._numbers.setdefault(self._name(event), len(self._numbers)))
            self._goals.append(event.event_type == self._goal)

    def on_session_end(self, visitor: Visitor, session: Session, emit: Emit) -> None:
        """Notes how far it came in the funnel."""
        self._funnel.on_session_end(visitor, session, self._note)

    def _note(self, found: Finding) -> None:
        if found.session_id is not None:
            self._reached[found.session_id] = int(found.evidence["step"])

    def taken(self, repeats: bool) -> Sessions:
        """All that was noted."""
        table = self._table()
        rank = np.empty(len(table), np.int64)
        rank[table["row"].to_numpy()] = np.arange(len(table))
        owner = rank[np.array(self._rows, np.int64)]
        order = np.argsort(owner, kind="stable")
        owner, steps = owner[order], np.array(self._steps, np.int32)[order]
        goals = np.array(self._goals, bool)[order]
        if not repeats:
            kept = np.ones(len(steps), bool)
            kept[1:] = (steps[1:] != steps[:-1]) | (owner[1:] != owner[:-1])
            owner, steps, goals = owner[kept], steps[kept], goals[kept]
        at = np.flatnonzero(goals)[::-1]
        first = np.full(len(table), -1)
        first[owner[at]] = at  # the last one that is written is the first one
        goal_at = pl.Series("goal_at", first).replace(-1, None)
        names = tuple(self._numbers)
        return Sessions(table.drop("row").with_columns(goal_at), steps, owner, names, len(self._steps))

    def _table(self) -> pl.DataFrame:
        schema: dict[str, Any] = {"session_id": pl.String, "visitor_id": pl.String, "started_at_ms": pl.Int64}
        found = pl.DataFrame(self._sessions, schema=schema, orient="row").with_row_index("row")
        reached = [self._reached.get(name, 0) for name, _, _ in self._sessions]
        return found.with_columns(pl.Series("reached", reached, pl.Int64)).sort("started_at_ms", "session_id")


class _Watched:
    """Events that say how many were read."""

    def __init__(self, events: Events, told: Callable[[int], None]) -> None:
        self._events, self._reported, self.are_judged = events, told, events.are_judged

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """In the order of time."""
        for count, one in enumerate(self._events.messages(), 1):
            yield one
            if count % _REPORT_EVERY == 0:
                self._reported(count)

    def end_ms(self) -> int:
        """Time of the last event."""
        return self._events.end_ms()


def sessions_of(
    events: Events,
    options: Options,
    wanted: Wanted,
    funnel: Rules,
    lifecycle: Lifecycle,
    progress: Callable[[int], None] = lambda _: None,
) -> Sessions:
    """The sessions of a history.

    Args:
        events: the history.
        options: of the engine: what ends a session, who is held back.
        wanted: what is a step.
        funnel: a pack with one rule of the kind funnel.
        lifecycle: the segments that visitors are in.
        progress: hears how many events were read.
    """
    notes = _Notes(wanted, funnel)
    moves = moves_in(_Watched(events, progress), options, lifecycle, notes)
    found = notes.taken(wanted.repeats)
    return replace(found, table=as_of(found.table, moves, "visitor_id", "started_at_ms"))
