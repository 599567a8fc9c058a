"""PAIRS and ITEMS as workers have them, in a plain loop without Flink."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from state.bucket import Bucket, Counts, DictStore, Live, taken
from state.items.logic import ItemsLogic
from state.items.options import ItemOptions
from state.items.pairs import PairsLogic
from state.logic import NEVER, Out
from tests.bench.engine_run import Slice

BUCKETS = 32


@dataclass
class Spent:
    """What a run took: seconds of processor time, by operator, and what came of it."""

    events: int = 0
    pairs_s: float = 0.0
    items_s: float = 0.0
    documents: int = 0
    state_bytes: int = 0
    pairs: int = 0

    @property
    def each_us(self) -> float:
        """Microseconds an event."""
        return (self.pairs_s + self.items_s) / self.events * 1e6


class Loop:
    """Both operators over buckets."""

    def __init__(self, options: ItemOptions) -> None:
        self._pairs_logic, self._items_logic = PairsLogic(options), ItemsLogic(options)
        self._live = (Live(100_000), Live(20_000))
        counts = Counts(), Counts()
        self._pairs = [
            Bucket(number, self._pairs_logic, DictStore(), self._live[0].objects, counts[0])
            for number in range(BUCKETS)
        ]
        self.store = DictStore()
        self._items = Bucket(0, self._items_logic, self.store, self._live[1].objects, counts[1])

    def run(self, slices: Iterable[Slice], bucket_of: dict[bytes, int]) -> Spent:
        """The whole stream; `bucket_of` says which bucket a message is of."""
        spent, clock = Spent(), time.process_time
        for ends_at, messages in [*slices, (NEVER, [])]:
            by_bucket = defaultdict(list)
            for message in messages:
                by_bucket[bucket_of[message]].append(message)
            began, packs = clock(), list[bytes]()
            for number, own in by_bucket.items():
                self._keep(taken(self._pairs[number], own, None, ends_at, late=False), packs, spent)
            for bucket in self._pairs:
                if bucket.may_be_due(ends_at):
                    out = Out()
                    bucket.settle(ends_at, out)
                    self._keep(out, packs, spent)
            between = clock()
            if ends_at == NEVER:  # the end forgets what has been idle for so long
                spent.state_bytes = sum(map(len, self.store.rows.values()))
                codec = self._items_logic.codec
                spent.pairs = sum(len(codec.decode(row[8:]).pairs) for row in self.store.rows.values())
                between = clock()
            spent.documents += len(taken(self._items, packs, None, ends_at, late=False).documents)
            for live in self._live:
                live.trim()
            spent.events += len(messages)
            spent.pairs_s += between - began
            spent.items_s += clock() - between
        return spent

    @staticmethod
    def _keep(out: Out, packs: list[bytes], spent: Spent) -> None:
        for document in out.documents:
            if document.kind == "sighted":
                packs.append(document.body)
            else:
                spent.documents += 1
