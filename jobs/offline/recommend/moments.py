"""What a shop would have shown at a moment: by popularity, and by the live table as it was served then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import exp

import numpy as np

from jobs.offline.recommend.blending import blended
from state.events import Event
from state.items.options import ItemOptions
from state.items.table import ItemTable
from state.options import DAY_MS, MINUTE_MS

_LONGEST = 250  # of a list of popular items: some of it is left out
_TAU_MS = 7 * DAY_MS
Related = Sequence[tuple[str, float]]


class Popularity:
    """How often items came, the sooner the more: what came at `t` weighs exp(t / tau)."""

    def __init__(self, from_ms: int) -> None:
        self._from_ms, self._numbers = from_ms, dict[str, int]()
        self._names, self._sums = list[str](), np.zeros(1024)
        self._minute, self._top = -1, list[str]()

    def add(self, item: str, at_ms: int) -> None:
        """Counts an event of an item."""
        number = self._numbers.setdefault(item, len(self._names))
        if number == len(self._names):
            self._names.append(item)
            if number >= len(self._sums):
                self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        self._sums[number] += exp((at_ms - self._from_ms) / _TAU_MS)

    def top(self, at_ms: int, left_out: Collection[str], most: int) -> list[str]:
        """The most popular items, at most a minute old; equal ones by id."""
        if at_ms // MINUTE_MS != self._minute:
            self._minute, self._top = at_ms // MINUTE_MS, self._sorted()
        return [item for item in self._top if item not in left_out][:most]

    def _sorted(self) -> list[str]:
        sums = self._sums[: len(self._names)]
        if not len(sums):
            return []
        least = np.partition(sums, -_LONGEST)[-_LONGEST] if len(sums) > _LONGEST else 0.0
        numbers = np.flatnonzero(sums >= least).tolist()
        return sorted((self._names[number] for number in numbers), key=self._rank)[:_LONGEST]

    def _rank(self, item: str) -> tuple[float, str]:
        return -float(self._sums[self._numbers[item]]), item


class Live:
    """The live table, asked as it is served: as of the end of the last full minute.

    An item is written at most once a minute; so what an event changes is not shown before its minute is over.
    """

    def __init__(self, options: ItemOptions | None = None) -> None:
        self._options = options or ItemOptions()
        self._table, self._rank = ItemTable(self._options), self._options.items_rank
        self._waiting, self._minute = list[Event](), -1
        self._known, self._frozen = dict[str, Related](), dict[str, Related]()

    def add(self, event: Event) -> None:
        """Takes a valid event; they come in the order of time."""
        self._go_to(event.event_time_ms)
        self._waiting.append(event)

    def _go_to(self, at_ms: int) -> None:
        minute = at_ms // MINUTE_MS
        if minute == self._minute:
            return
        for event in self._waiting:
            self._table.add(event)
        self._waiting.clear()
        self._known.clear()
        self._minute = minute

    def freeze(self, at_ms: int, items: Collection[str]) -> None:
        """Keeps all lists as they are at a moment, for `frozen`."""
        self._go_to(at_ms)
        self._frozen = {item: self._related(item) for item in items}

    def _related(self, item: str) -> Related:
        found = self._known.get(item)
        if found is None:
            related = self._table.related(item, self._minute * MINUTE_MS)
            found = self._known[item] = [(one.item_id, getattr(one, self._rank)) for one in related]
        return found

    def shown(self, at_ms: int, context: Sequence[str], left_out: Collection[str], most: int) -> list[str]:
        """What is shown at a moment to who looked at these products last, the newest first."""
        self._go_to(at_ms)
        return blended(map(self._related, context), left_out, most)

    def frozen(self, context: Sequence[str], left_out: Collection[str], most: int) -> list[str]:
        """The same from the lists of the last `freeze`."""
        return blended((self._frozen.get(item, ()) for item in context), left_out, most)
