"""The engine on bytewax: a step of `stateful_batch` by bucket. Run by `python -m bytewax.run`, see bytewax_runs.py.

It reads files, keeps state in memory (snapshots to SQLite each half minute), and writes documents to a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from state.bucket import DictStore
from state.logic import Document
from tests.bench.hosts.engine_of_bucket import EngineOfBucket, Worker, bucket_of_message, slice_of
from tests.bench.hosts.reports import Report

FOLDER = Path(os.environ["BENCH_FOLDER"])
REPORT = Report(FOLDER / f"report-{os.getpid()}.jsonl")
WORKER = Worker(Path(os.environ["BENCH_MODELS"]))
_BATCH = 1_000
State = tuple[dict[str, bytes], dict[str, bytes], int, list[bytes], int]


class Lines(StatefulSourcePartition[bytes, int]):
    """The lines of a file, from a place on."""

    def __init__(self, path: Path, resumed: int | None) -> None:
        self._file = path.open("rb")
        self._file.seek(resumed or 0)

    def next_batch(self) -> list[bytes]:
        """Some lines."""
        found = [line.rstrip(b"\n") for line in islice(iter(self._file.readline, b""), _BATCH)]
        if not found:
            raise StopIteration
        return found

    def snapshot(self) -> int:
        """How far it has come."""
        return self._file.tell()


class Files(FixedPartitionedSource[bytes, int]):
    """The files of the folder, each a partition."""

    def list_parts(self) -> list[str]:
        """Their names."""
        return sorted(path.name for path in FOLDER.glob("part-*.jsonl"))

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Lines:
        """Opens one."""
        return Lines(FOLDER / for_part, resume_state)


class Host(StatefulBatchLogic[bytes, Document, State]):
    """A bucket: gathers a slice, and hands it to the engine when the next one begins."""

    def __init__(self, resumed: State | None) -> None:
        stores = (DictStore(), DictStore())
        self._values, self._ends_at, ended = list[bytes](), 0, 0
        if resumed is not None:
            stores[0].rows, stores[1].rows, ended, self._values, self._ends_at = resumed
        self._stores, self._ended, self._engine = stores, ended, None

    def on_batch(self, values: list[bytes]) -> tuple[Iterable[Document], bool]:
        """Adds events to the open slice."""
        found: list[Document] = []
        for value in values:
            ends_at = slice_of(value)
            if ends_at != self._ends_at:
                found += self._take()
                self._ends_at = ends_at
            self._values.append(value)
        return found, StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[Iterable[Document], bool]:
        """The file is over."""
        found = self._take() + (REPORT.documents(self._engine.finish()) if self._engine else [])
        REPORT.bucket_is_over()
        return found, StatefulBatchLogic.DISCARD

    def _take(self) -> list[Document]:
        if not self._values:
            return []
        if self._engine is None:
            self._engine = EngineOfBucket(bucket_of_message(self._values[0]), WORKER, self._stores)
            self._engine.ended = self._ended
        out = self._engine.take(self._values, self._ends_at)
        REPORT.take(len(self._values))
        self._values = []
        return REPORT.documents(out)

    def snapshot(self) -> State:
        """All of the bucket: bytewax keeps state whole, it has no store of entries."""
        first, second = (dict(store.rows) for store in self._stores)
        ended = self._engine.ended if self._engine else 0
        return first, second, ended, list(self._values), self._ends_at


class File(StatelessSinkPartition[Any]):
    """Appends documents to a file."""

    def __init__(self, worker: int) -> None:
        self._file = (FOLDER / f"documents-{worker}").open("ab", buffering=1 << 20)

    def write_batch(self, items: list[Any]) -> None:
        """Some documents."""
        self._file.writelines(document.body for _, document in items)

    def close(self) -> None:
        """To the disk."""
        self._file.close()


class FileSink(DynamicSink[Any]):
    """A file a worker."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> File:
        """Opens it."""
        return File(worker_index)


flow = Dataflow("footfall")
_lines = op.input("read", flow, Files())
_keyed = op.flat_map_batch("key", _lines, lambda lines: [(str(bucket_of_message(one)), one) for one in lines])
_documents = op.stateful_batch("engine", _keyed, Host)
op.output("write", _documents, FileSink())
