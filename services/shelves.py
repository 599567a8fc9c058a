"""What may be shown to a visitor, gathered from the index by a deadline; what many ask for is remembered.

On the way of a request there are three reads by id at most: the visitor's items, what goes with the last of
them, and the documents of what was found. Popular items are searched for beside it, never on the way.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from connectors.errors import IndexUnavailable
from connectors.models.tables import Related
from services.content.items import Shelf, blended, blended_lists, shelf_of
from services.index import Index

Document = dict[str, Any]
_LAST = 5  # items of a visitor that others go with
_POPULAR = 20
_REMEMBERED = 50_000  # items
_CATEGORIES = 1_000
_POPULAR_FOR_S = 60.0
_NEVER: tuple[float, None] = (float("-inf"), None)
_NONE: tuple[float, list[Document]] = (float("-inf"), [])


class _Remembered:
    """Documents of items by id, each for a while."""

    def __init__(self, ask: Callable[[list[str]], Awaitable[dict[str, Document]]], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._known: OrderedDict[str, tuple[float, Document | None]] = OrderedDict()

    async def of(self, names: Iterable[str], now: float) -> dict[str, Document]:
        """Those that there are, in the order asked for; one request for all that are not remembered."""
        wanted = list(dict.fromkeys(names))
        cold = [name for name in wanted if self._known.get(name, _NEVER)[0] < now]
        if cold:
            found = await self._ask(cold)
            for name in cold:
                self._known[name] = (now + self._seconds, found.get(name))
                self._known.move_to_end(name)
        answer = {name: one for name in wanted if (one := self._known[name][1]) is not None}
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return answer


class Shelves:
    """Shelves of one replica."""

    def __init__(
        self,
        index: Index,
        clock: Callable[[], float],
        item_cache_ms: int = 10_000,
        nightly: Callable[[str], Related] = lambda item_id: (),
    ) -> None:
        """Puts it together.

        Args:
            index: documents.
            clock: monotonic, seconds.
            item_cache_ms: an item's document is taken from memory for so long.
            nightly: what goes with an item by the nightly table.
        """
        self._index, self._clock, self._nightly = index, clock, nightly
        self._whole = _Remembered(lambda names: index.items(names, related=True), item_cache_ms / 1000)
        self._heads = _Remembered(lambda names: index.items(names), item_cache_ms / 1000)
        self._popular: OrderedDict[str | None, tuple[float, list[Document]]] = OrderedDict()
        self._searching: dict[str | None, asyncio.Task[None]] = {}

    async def of(self, visitor_id: str, deadline_s: float) -> tuple[Shelf, bool]:
        """The visitor's shelf, and whether all that was asked answered in time.

        Without an answer there are only popular items, as long as they are fresh.
        """
        try:
            async with asyncio.timeout(deadline_s):
                return await self._gathered(visitor_id), True
        except (TimeoutError, IndexUnavailable):
            return shelf_of(None, (), {}, {}, self._most_popular(None)), False

    async def _gathered(self, visitor_id: str) -> Shelf:
        visitor = await self._index.visitor_items(visitor_id)
        now, last = self._clock(), list((visitor or {}).get("items", ()))[:_LAST]
        documents = await self._whole.of(last, now)
        related = blended(last, documents)
        cold = [item for item in last if not documents.get(item, {}).get("related")]
        nightly = blended_lists(last, {item: self._nightly(item) for item in cold})
        categories = dict.fromkeys(one.get("category") for one in documents.values())
        lists = {name: self._most_popular(name) for name in (*categories, None)}
        popular = [one["item_id"] for found in lists.values() for one in found]
        going = [name for name, _, _ in (*related, *nightly)]
        heads = await self._heads.of([*going, *popular], now)
        rows = {
            name: [heads[one["item_id"]] for one in found if one["item_id"] in heads]
            for name, found in lists.items()
        }
        most_popular = rows.pop(None)
        of_categories = {name: row for name, row in rows.items() if name}
        return shelf_of(visitor, related, heads, of_categories, most_popular, nightly)

    def _most_popular(self, category: str | None) -> list[Document]:
        """The most popular items that are known by now, all or of a category; newer ones are on their way."""
        now = self._clock()
        fresh_until, found = self._popular.get(category, _NONE)
        if fresh_until < now + _POPULAR_FOR_S / 2 and category not in self._searching:
            self._searching[category] = asyncio.create_task(self._search(category))
        return found if fresh_until >= now else []

    async def _search(self, category: str | None) -> None:
        try:
            found = await self._index.popular(category, _POPULAR)
        except IndexUnavailable:
            return
        finally:
            del self._searching[category]
        self._popular[category] = (self._clock() + _POPULAR_FOR_S, found)
        self._popular.move_to_end(category)
        while len(self._popular) > _CATEGORIES:
            self._popular.popitem(last=False)

    async def warm(self) -> None:
        """Keeps the most popular items of all fresh."""
        while True:
            self._most_popular(None)
            await asyncio.sleep(_POPULAR_FOR_S / 3)

    def close(self) -> None:
        """Ends what is on its way."""
        for task in self._searching.values():
            task.cancel()
