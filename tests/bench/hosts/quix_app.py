"""The engine on Quix Streams: its windows gather slices, a stateful step by bucket takes them; see quix_runs.py.

It reads and writes Kafka exactly once. State is its store (RocksDB and a changelog topic), an entry an entity.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import quixstreams.dataframe.windows.aggregations as agg
from quixstreams import Application, State
from quixstreams.models.serializers import Serializer

from state.logic import Document
from tests.bench.hosts.engine_of_bucket import END, SLICE_MS, EngineOfBucket, Worker
from tests.bench.hosts.reports import Report

FOLDER = Path(os.environ["BENCH_FOLDER"])
IN, OUT, GROUP = "bench.quix", "bench.quix.documents", "bench-quix"
_COMMIT_S = 30.0  # as Flink's checkpoints in a replay


class QuixStore:
    """An engine's store over the state of the current key; Quix gives that anew with each call.

    It cannot list a key's entries: after a restart a bucket would not know what is due. A host that is to run
    for ever would have to keep the list in an entry of its own; this one is not restarted.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix, self.state = prefix, None

    def get(self, key: str) -> bytes | None:
        """The bytes, if there are any."""
        found: bytes | None = self.state.get_bytes(self._prefix + key)
        return found

    def put(self, key: str, value: bytes) -> None:
        """Writes the bytes."""
        self.state.set_bytes(self._prefix + key, value)

    def remove(self, key: str) -> None:
        """Forgets them."""
        self.state.delete(self._prefix + key)

    def items(self) -> list[tuple[str, bytes]]:
        """Nothing: see above."""
        return []


class Body(Serializer):
    """A document's body is bytes already."""

    def __call__(self, value: Document, ctx: Any) -> bytes:
        """Those."""
        return value.body


class Host:
    """The buckets of this process."""

    def __init__(self) -> None:
        self._worker = Worker(Path(os.environ["BENCH_MODELS"]))
        self._report = Report(FOLDER / f"report-{os.getpid()}.jsonl")
        self._engines: dict[str, EngineOfBucket] = {}

    def take(self, window: Any, key: str, _timestamp: int, _headers: Any, state: State) -> Iterator[Document]:
        """Takes a window's events."""
        engine = self._engines.get(key)
        if engine is None:
            stores = (QuixStore("d/"), QuixStore("v/"))
            engine = self._engines[key] = EngineOfBucket(int(key), self._worker, stores)
        for store in engine.stores:
            store.state = state
        values = [value.encode() for value in window["value"]]
        if values == [END]:
            yield from self._report.documents(engine.finish())
            self._report.bucket_is_over()
            return
        out = engine.take(values, window["end"])
        self._report.take(len(values))
        yield from self._report.documents(out)


def main() -> None:
    """Runs until it is told to end (SIGTERM)."""
    app = Application(
        broker_address=os.environ["BENCH_BROKERS"],
        consumer_group=GROUP,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=_COMMIT_S,
        state_dir=FOLDER / f"state-{os.getpid()}",
        loglevel="WARNING",
    )
    events = app.topic(IN, key_deserializer="str", value_deserializer="bytes")
    documents = app.topic(OUT, key_serializer="str", value_serializer=Body())
    frame = app.dataframe(events)
    frame = frame.filter(lambda _value, key, _timestamp, _headers: key is not None, metadata=True)
    frame = frame.apply(bytes.decode)  # what a window keeps has to be JSON
    frame = frame.tumbling_window(SLICE_MS).agg(value=agg.Collect()).final()
    frame = frame.apply(Host().take, stateful=True, expand=True, metadata=True)
    frame.to_topic(documents, key=lambda document: document.key)
    app.run()


if __name__ == "__main__":
    main()
