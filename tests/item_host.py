"""PAIRS and ITEMS over buckets and bytes, without Flink: slices in, documents out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import orjson

from state.bucket import Bucket, Counts, DictStore, Live, taken
from state.devices.judged import bucket_of
from state.items.logic import ItemsLogic
from state.items.options import ItemOptions
from state.items.pairs import PairsLogic
from state.logic import NEVER, Document, Out

BUCKETS = 3


class ItemHost:
    """What the job does over many processes."""

    def __init__(self, options: ItemOptions, live: int = 100_000) -> None:
        self.options, self.most = options, live
        self.pair_stores, self.item_store = [DictStore() for _ in range(BUCKETS)], DictStore()
        self.restore()

    def restore(self) -> None:
        """Everything again from bytes alone."""
        self.pairs_logic, self.items_logic = PairsLogic(self.options), ItemsLogic(self.options)
        self.live = (Live(self.most), Live(self.most))
        self.counts = (Counts(), Counts())
        self.pairs = [
            Bucket(number, self.pairs_logic, store, self.live[0].objects, self.counts[0])
            for number, store in enumerate(self.pair_stores)
        ]
        self.items = Bucket(0, self.items_logic, self.item_store, self.live[1].objects, self.counts[1])

    def take(self, values: Iterable[bytes], ends_at: int, late: bool = False) -> list[Document]:
        """A slice, or values that came behind the watermark."""
        out, found = Out(), defaultdict(list)
        for value in values:
            found[bucket_of(orjson.loads(value)["visitor_id"], BUCKETS)].append(value)
        for number, own in found.items():
            out.documents += taken(self.pairs[number], own, None, ends_at, late).documents
        return self._on(out, ends_at)

    def finish(self) -> list[Document]:
        """The end of everything."""
        return self._on(Out(), NEVER)

    def _on(self, out: Out, ends_at: int) -> list[Document]:
        for bucket in self.pairs:
            bucket.settle(ends_at, out)
        packs = [document.body for document in out.documents if document.kind == "sighted"]
        made = taken(self.items, packs, None, ends_at, late=False)
        for live in self.live:
            live.trim()
        return [one for one in out.documents if one.kind != "sighted"] + made.documents

    def run(
        self, values: Iterable[bytes], restore_every: int = 0, *, to_the_end: bool = True
    ) -> list[Document]:
        """A whole stream, cut into slices of event time."""
        slices, slice_ms = defaultdict(list), self.options.slice_ms
        for value in values:
            slices[orjson.loads(value)["event_time_ms"] // slice_ms].append(value)
        documents = []
        for count, number in enumerate(sorted(slices)):
            if restore_every and count % restore_every == 0:
                self.restore()
            documents += self.take(slices[number], (number + 1) * slice_ms)
        return documents + self.finish() if to_the_end else documents


def newest(documents: Iterable[Document], kind: str) -> dict[str, dict[str, Any]]:
    """What an index would hold: the newest version of each document."""
    found: dict[str, Document] = {}
    for document in documents:
        if document.kind == kind and (
            document.id not in found or found[document.id].version <= document.version
        ):
            found[document.id] = document
    return {name: orjson.loads(document.body) for name, document in found.items()}
