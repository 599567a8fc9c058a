"""ITEMS: sightings in; for each product what goes with it, and how popular it is, out.

All items have one key: what goes with an item depends on the totals of the others, which the logic knows.
Similarities are no state. They are computed when an item is written, at most once a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import Any, NamedTuple

import msgspec
import orjson

from state.items.changes import WHOLE, Change, changes_of
from state.items.decay import Decay
from state.items.item import CODEC, Head, Item, Pair
from state.items.options import ItemOptions
from state.items.sightings import Product, unpack_sightings
from state.items.similarity import cosine, log_likelihood_ratio
from state.logic import Logic, Out, SourcePosition

MOST_RELATED = 20
MOST_PAIRS = 500  # of an item
_KEPT_PAIRS = 400  # of an item that has more
_head = msgspec.msgpack.Decoder(Head).decode


class Related(NamedTuple):
    """An item that goes with another."""

    item_id: str
    cosine: float
    llr: float


class ItemsLogic(Logic[Item, Change]):
    """Keeps the sums of pairs and items."""

    codec = CODEC

    def __init__(self, options: ItemOptions) -> None:
        """Says how fast things are forgotten and by which score items are ranked."""
        self._options, self.slice_ms = options, options.slice_ms
        self._decay, self._popularity = Decay(options.items_decay_ms), Decay(options.items_popularity_ms)
        self._heads: dict[str, Head] = {}
        self._gone: set[str] = set()

    def items(
        self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[Change]:
        """What the sightings change."""
        return [change for sighting in unpack_sightings(values) for change in changes_of(sighting)]

    def order(self, item: Change) -> tuple[int, int, str]:
        """That of the event."""
        return item.at, item.sequence, item.event_id

    def entity_id(self, item: Change) -> str:
        """The product."""
        return item.item_id

    def new(self, entity_id: str) -> Item:
        """A product that was not seen before."""
        self._heads.pop(entity_id, None)
        self._gone.discard(entity_id)
        return Item(entity_id)

    def opened(self, entity_id: str, data: bytes | memoryview) -> None:
        """Learns the total of an item that is read back."""
        super().opened(entity_id, data)
        self._heads[entity_id] = _head(data[1:])

    # --------------------------------------------------------------------------------------- an event

    def take(self, entity: Item, item: Change, out: Out) -> None:
        """Adds to the sums."""
        at = item.at
        self._bring_to_era(entity, at)
        if item.pairs:
            gain = item.weight * self._decay.gain(at, entity.era)
            for other in item.others:
                self._add(entity, other, gain, at)
            entity.total += gain * item.pairs
            self._heads[item.item_id] = Head(entity.id, entity.era, entity.total)
            if len(entity.pairs) > MOST_PAIRS:
                self._keep_the_largest(entity, at)
        entity.at = max(entity.at, at)
        if item.item_id == WHOLE:
            return
        if item.product is not None:
            self._describe(entity, item.product, item)
        self._note(entity, at)

    def take_late(self, entity: Item, item: Change, out: Out) -> None:
        """The same: a sum does not ask when it is added to."""
        self.take(entity, item, out)

    def _bring_to_era(self, item: Item, at: int) -> None:
        era = self._decay.era(at)
        if era <= item.era:
            return
        if item.total:
            factor = self._decay.carried(era - item.era)
            item.total *= factor
            for pair in item.pairs.values():
                pair.sum *= factor
        item.era = era

    def _add(self, item: Item, other: str, gain: float, at: int) -> None:
        pair = item.pairs.get(other)
        if pair is None or at - pair.at > self._options.items_memory_ms:
            item.pairs[other] = Pair(gain, at)
        else:
            pair.sum += gain
            pair.at = max(pair.at, at)

    def _keep_the_largest(self, item: Item, at: int) -> None:
        """Forgets idle pairs; of what is still too much, those that count least."""
        oldest = at - self._options.items_memory_ms
        kept = {other: pair for other, pair in item.pairs.items() if pair.at >= oldest}
        if len(kept) > _KEPT_PAIRS:
            names = nsmallest(_KEPT_PAIRS, kept, key=lambda other: (-kept[other].sum, other))
            kept = {name: kept[name] for name in names}
        item.pairs = kept

    def _describe(self, item: Item, product: Product, change: Change) -> None:
        """Its own event: it is the more popular, and may say something new."""
        if change.weight:
            era = self._popularity.era(change.at)
            if era > item.popular_era:
                item.popular *= self._popularity.carried(era - item.popular_era) if item.popular else 0.0
                item.popular_era = era
            item.popular += change.weight * self._popularity.gain(change.at, item.popular_era)
        if change.at < item.told_at:
            return
        item.told_at = change.at
        item.category = product.category if product.category is not None else item.category
        item.available = product.available if product.available is not None else item.available
        if product.price is not None:
            item.price, item.currency = product.price, product.currency

    def _note(self, item: Item, at: int) -> None:
        """It is written when the step is over; what comes late, in the step after that of the last time."""
        if not item.due:
            step = self._options.item_step_ms
            item.due = (max(at // step, item.written_at // step + 1) + 1) * step - 1

    # --------------------------------------------------------------------------------------- time

    def settle(self, entity: Item, now: int, out: Out) -> None:
        """Writes the item when its step is over; idle pairs go then."""
        if not 0 < entity.due < now:
            return
        at, entity.due, entity.written_at = entity.due, 0, entity.due
        oldest = at - self._options.items_memory_ms
        entity.pairs = {other: pair for other, pair in entity.pairs.items() if pair.at > oldest}
        out.add("item", entity.id, entity.id, entity.at, self._document(entity, at))

    def next_due(self, entity: Item) -> int:
        """When it is to be written, then when it may be forgotten."""
        return entity.due or entity.at + self._options.items_memory_ms

    def is_over(self, entity: Item, now: int) -> bool:
        """Whether nothing has happened to it for so long that its pairs are idle."""
        return not entity.due and entity.at + self._options.items_memory_ms < now

    def forgotten(self, entity_id: str) -> None:
        """Its total is of use until all have been written that are due."""
        self._gone.add(entity_id)

    def end_slice(self, out: Out) -> None:
        """Lets go of the totals of items that are forgotten."""
        for name in self._gone:
            self._heads.pop(name, None)
        self._gone.clear()

    # --------------------------------------------------------------------------------------- answers

    def related(self, item: Item, at: int, most: int = MOST_RELATED) -> list[Related]:
        """What goes with the item at the end of the millisecond `at`, the best first; ties by id."""
        oldest, era = at - self._options.items_memory_ms, item.era
        clock, whole = self._decay.gain(item.at, era), self._total(WHOLE, era)
        found = [
            _compared(other, pair.sum / clock, item.total / clock, total / clock, whole / clock)
            for other, pair in item.pairs.items()
            if pair.at > oldest and (total := self._total(other, era)) > 0.0 < pair.sum
        ]
        return nsmallest(most, found, key=_by_llr if self._options.items_rank == "llr" else _by_cosine)

    def popularity(self, item: Item) -> float:
        """The logarithm of the decayed sum of its own events: to be compared with that of other items."""
        return self._popularity.log_of(item.popular, item.popular_era)

    def _total(self, item_id: str, era: int) -> float:
        """The total of an item as a sum of the era."""
        head = self._heads.get(item_id)
        if head is None:
            return 0.0
        return head.total if head.era == era else head.total * self._decay.carried(era - head.era)

    def _document(self, item: Item, at: int) -> bytes:
        document: dict[str, Any] = {
            "item_id": item.id,
            "category": item.category,
            "price": item.price,
            "currency": item.currency,
            "available": item.available,
            "popularity": self.popularity(item),
            "related": [one._asdict() for one in self.related(item, at)],
            "computed_at_ms": at,
            "version": item.at,
        }
        return orjson.dumps({name: value for name, value in document.items() if value is not None})


def _compared(other: str, pair: float, one: float, total: float, whole: float) -> Related:
    return Related(other, cosine(pair, one, total), log_likelihood_ratio(pair, one, total, whole))


# Rounded, so that equal scores are equal however their sums were added up.
def _by_cosine(one: Related) -> tuple[float, str]:
    return -round(one.cosine, 9), one.item_id


def _by_llr(one: Related) -> tuple[float, str]:
    return -round(one.llr, 6), one.item_id
