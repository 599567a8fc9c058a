"""The engine of one bucket, as a host's keyed step holds it: state/bucket.py for devices and for visitors.

In the bench's streams a device is its visitor, so that both have the same key and stand in one step: a host is
spared the second exchange that Footfall makes. A bucket's stream is in order of time, so that a slice is over
with the first event of the next one: a host needs no watermark.
"""

from __future__ import annotations

import time
from typing import Any

from state.bucket import Bucket, Counts, DictStore, Live, Store
from state.devices.judged import bucket_of
from state.devices.logic import DevicesLogic
from state.logic import NEVER, Out
from state.options import Options
from state.visitors.logic import VisitorsLogic
from tests.bench.engine_run import EMITS, HOUR_MS, calm_collector, models, positions, rules, time_of

BUCKETS = 32
SLICE_MS = HOUR_MS
END = b"end"  # the last message of a bucket, where the host does not tell of the end itself


class Worker:
    """What the buckets of a process share: logics with rules and models, the bound of live objects."""

    def __init__(self, model_dir: Any) -> None:
        options = Options(bounded=True, visitor_step_ms=HOUR_MS, emits=EMITS)
        self.devices_logic = DevicesLogic(options, BUCKETS)
        self.visitors_logic = VisitorsLogic(
            options, rules(options), models(model_dir), lambda: time.time_ns() // 1_000_000
        )
        self.counts, self.live = Counts(), (Live(100_000), Live(100_000))
        calm_collector()


class EngineOfBucket:
    """A bucket of devices and the bucket of visitors of the same number."""

    def __init__(self, number: int, worker: Worker, stores: tuple[Store, Store] | None = None) -> None:
        self.stores = stores or (DictStore(), DictStore())
        counts, (live, live_too) = worker.counts, worker.live
        self._devices = Bucket(number, worker.devices_logic, self.stores[0], live.objects, counts)
        self._visitors = Bucket(number, worker.visitors_logic, self.stores[1], live_too.objects, counts)
        self._worker, self.ended = worker, 0

    def take(self, values: list[bytes], ends_at: int) -> Out:
        """Takes a slice. Answers of models to the slice before come first: one call for all of the process."""
        out, passed = Out(), Out()
        if self.ended and self._visitors.may_be_due(self.ended):
            self._visitors.settle(self.ended, out)
        logic, self.ended = self._worker.devices_logic, ends_at
        self._devices.take(logic.items(values, positions(len(values)), False, out), ends_at, passed)
        judged = [document.body for document in passed.documents if document.kind == "judged"]
        if judged:
            items = self._worker.visitors_logic.items(judged, None, False, out)
            self._visitors.take(items, ends_at, out)
        for live in self._worker.live:
            live.trim()
        return out

    def finish(self) -> Out:
        """Everything that is pending comes to its end."""
        out = Out()
        self._visitors.settle(NEVER - 1, out)
        return out


def bucket_of_message(message: bytes) -> int:
    """The bucket, by the visitor of a message of the bench; nothing else of it is read."""
    begin = message.index(b'"visitor_id":"') + 14
    return bucket_of(message[begin : message.index(b'"', begin)].decode(), BUCKETS)


def slice_of(message: bytes) -> int:
    """The end of the slice that a message falls into."""
    return (time_of(message) // SLICE_MS + 1) * SLICE_MS
