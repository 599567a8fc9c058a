"""The live table without Flink: events in, in order; what goes with an item, at once.

It is PAIRS and ITEMS themselves, with objects where the job has bytes, and without documents:
for evaluation and tests.
"""

from __future__ import annotations

from heapq import nsmallest

from state.events import Event
from state.items.changes import WHOLE, changes_of
from state.items.item import Item
from state.items.logic import MOST_RELATED, ItemsLogic, Related
from state.items.options import ItemOptions
from state.items.pairs import PairsLogic
from state.items.sightings import Sighting, unpack_sightings
from state.items.visit import Visit
from state.logic import Out


class ItemTable:
    """What goes with what, so far.

    >>> from state.events import read_event
    >>> body = '{"schema":"event/1","event_id":"%s","event_type":"product_view","event_time_ms":5,'
    >>> body += '"visitor_id":"v","product":{"product_id":"%s"}}'
    >>> table = ItemTable()
    >>> for name in "ab":
    ...     table.add(read_event((body % (name, name)).encode()))
    >>> [(one.item_id, one.cosine) for one in table.related("a", 5)]
    [('b', 1.0)]
    """

    def __init__(self, options: ItemOptions | None = None) -> None:
        """An empty one."""
        options = options or ItemOptions()
        self._pairs, self._logic = PairsLogic(options), ItemsLogic(options)
        self._visits: dict[str, Visit] = {}
        self._items: dict[str, Item] = {}

    def add(self, event: Event) -> None:
        """Takes a valid event; those of a visitor come in order of time, sequence and id."""
        pairs, at, out = self._pairs, event.event_time_ms, Out()
        visit = self._visits.get(event.visitor_id)
        if visit is None or pairs.is_over(visit, at):
            visit = self._visits[event.visitor_id] = pairs.new(event.visitor_id)
        pairs.take(visit, event, out)
        visit.due = 0
        pairs.end_slice(out)
        for sighting in unpack_sightings(document.body for document in out.documents):
            self._sighted(sighting)

    def _sighted(self, sighting: Sighting) -> None:
        logic, out = self._logic, Out()
        for change in changes_of(sighting):
            item = self._items.get(change.item_id)
            if item is None or logic.is_over(item, change.at):
                item = self._items[change.item_id] = logic.new(change.item_id)
            logic.take(item, change, out)
            item.due = 0

    def related(self, item_id: str, at: int, most: int = MOST_RELATED) -> list[Related]:
        """What goes with the item at a moment that is not before the last event; the best first."""
        item = self._items.get(item_id)
        return [] if item is None else self._logic.related(item, at, most)

    def popular(self, at: int, most: int = MOST_RELATED, category: str | None = None) -> list[str]:
        """The most popular items, of all or of a category."""
        known = {
            name: self._logic.popularity(item)
            for name, item in self._items.items()
            if self._may_be_shown(item, at) and category in (None, item.category)
        }
        return nsmallest(most, known, key=lambda name: (-known[name], name))

    def _may_be_shown(self, item: Item, at: int) -> bool:
        return item.id != WHOLE and item.available and not self._logic.is_over(item, at)

    def recent(self, visitor_id: str) -> list[str]:
        """The visitor's last different items, the newest first."""
        visit = self._visits.get(visitor_id)
        return [] if visit is None else visit.latest[::-1]
