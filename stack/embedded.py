"""The whole stack on one machine: Kafka, Elasticsearch and Flink as child processes, started together."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self, TypeVar

import psutil
from rich.console import Console

from stack import jars
from stack.console import new_console
from stack.elasticsearch import ElasticsearchNode
from stack.errors import NotEnoughMemory, StackError, WorkdirBusy
from stack.fetching import RichProgress
from stack.flink import FlinkCluster
from stack.kafka import KafkaBroker, Secured
from stack.memory import MemorySampler

PARTS = ("kafka", "elasticsearch", "flink")
DEFAULT_WORKDIR = Path(".footfall")
ADDRESSES = "addresses.json"
_GIB = 1024**3
_T = TypeVar("_T")
# What each part takes at work: its JVM; for Flink also the client that submits, and Python workers.
_NEEDS_BYTES = {"kafka": _GIB // 2, "elasticsearch": 3 * _GIB // 4, "flink": 13 * _GIB // 4}


class _Component(Protocol):
    name: str

    @property
    def address(self) -> str: ...
    def start(self) -> None: ...
    def wait_ready(self) -> None: ...
    def stop(self) -> None: ...


class EmbeddedStack:
    """Kafka, Elasticsearch and Flink on free loopback ports, as long as the `with` block lasts.

    Leaving the block, an error, Ctrl-C and even kill -9 of this process end every process that was started.
    """

    def __init__(
        self,
        workdir: Path = DEFAULT_WORKDIR,
        *,
        parallelism: int = 1,
        state_backend: str = "hashmap",
        slots: int | None = None,
        parts: Sequence[str] = PARTS,
        console: Console | None = None,
        keep_data: bool = False,
        cache_dir: Path | None = None,
        flink_overrides: Mapping[str, object] | None = None,
        lake: bool = False,
        quick: bool = False,
        secured: Secured | None = None,
    ) -> None:
        """Describe the stack; `start` (or `with`) runs it.

        Args:
            workdir: holds conf/, data/ and logs/; one stack at a time.
            parallelism: of Flink jobs that do not say.
            state_backend: Flink's: hashmap or rocksdb.
            slots: Flink task slots; None = as many as `parallelism`.
            parts: which of kafka, elasticsearch, flink.
            console: for progress; None = standard error.
            keep_data: start on the data of the last stack in `workdir` rather than on empty folders.
            cache_dir: of the jars; None = FOOTFALL_CACHE_DIR or ~/.cache/footfall.
            flink_overrides: Flink configuration values by full key.
            lake: give Flink what a job needs that writes Parquet.
            quick: let Java compile once and quickly: warm at once, but slower than it could become.
            secured: give Kafka a second listener, with TLS and SASL.

        Raises:
            StackError: if `parts` names an unknown part.
        """
        if unknown := set(parts) - set(PARTS):
            raise StackError(
                f"parts: any of {', '.join(PARTS)} is required, {', '.join(sorted(unknown))} came"
            )
        self.workdir = workdir.resolve()
        self.log_dir, self._data, self._conf = (self.workdir / name for name in ("logs", "data", "conf"))
        self._parallelism, self._slots = parallelism, slots or parallelism
        self._state_backend, self._flink_overrides = state_backend, flink_overrides
        self._parts, self._keep_data, self._cache_dir = tuple(parts), keep_data, cache_dir
        self._lake, self._quick, self._secured = lake, quick, secured
        self._console = console or new_console()
        self._components: dict[str, _Component] = {}
        self._memory = MemorySampler()
        self._lock: IO[str] | None = None
        self.start_seconds: dict[str, float] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def kafka(self) -> KafkaBroker:
        """The broker."""
        return self._part("kafka", KafkaBroker)

    @property
    def elasticsearch(self) -> ElasticsearchNode:
        """The node."""
        return self._part("elasticsearch", ElasticsearchNode)

    @property
    def flink(self) -> FlinkCluster:
        """The cluster."""
        return self._part("flink", FlinkCluster)

    def start(self) -> None:
        """Check memory, fetch what is missing, start all parts at once and wait until each answers.

        Raises:
            StackError: with all that had been started stopped again.
        """
        try:
            _require_memory(self._parts)
            self._take_workdir()
            self._memory.start()
            files = self._fetch()
            self._components = {part: self._make(part, files[part]) for part in self._parts}
            self._start_all()
            self._write_addresses()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all processes and free the working directory. May be called twice."""
        with ThreadPoolExecutor(len(PARTS), "stop") as pool:
            list(pool.map(lambda component: component.stop(), self._components.values()))
        self._memory.stop()
        if self._lock is not None:
            (self.workdir / ADDRESSES).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def peak_memory_bytes(self) -> int:
        """The highest sum of resident memory of all child processes since `start`, sampled each second."""
        return self._memory.peak_bytes

    def _part(self, part: str, kind: type[_T]) -> _T:
        found = self._components.get(part)
        if not isinstance(found, kind):
            raise StackError(
                f"{part} is not part of this stack ({', '.join(self._parts)}), or it was not started"
            )
        return found

    def _fetch(self) -> dict[str, list[Path]]:
        with RichProgress(self._console) as progress:
            files = {part: jars.fetch(part, self._cache_dir, progress) for part in self._parts}
            if self._lake and "flink" in files:
                files["flink"] += jars.fetch("lake", self._cache_dir, progress)
            return files

    def _make(self, part: str, files: list[Path]) -> _Component:
        folders = (files, self._conf, self._data, self.log_dir)
        if part == "kafka":
            return KafkaBroker(*folders, self._secured)
        if part == "elasticsearch":
            return ElasticsearchNode(*folders, quick=True)
        return FlinkCluster(
            *folders,
            slots=self._slots,
            parallelism=self._parallelism,
            state_backend=self._state_backend,
            overrides=self._flink_overrides,
            quick=self._quick,
        )

    def _start_all(self) -> None:
        began = time.monotonic()
        with ThreadPoolExecutor(len(PARTS), "start") as pool:
            futures = {
                pool.submit(_start_and_wait, component): part for part, component in self._components.items()
            }
            try:
                for future in as_completed(futures):
                    future.result()
                    self._report(futures[future], time.monotonic() - began)
            except BaseException:
                # Ends the waiting of the other threads, which the pool would otherwise wait for.
                self.stop()
                raise

    def _report(self, part: str, seconds: float) -> None:
        self.start_seconds[part] = seconds
        component = self._components[part]
        self._console.print(f"{component.name:<14} ready after {seconds:5.1f} s   {component.address}")

    def _write_addresses(self) -> None:
        # For commands that talk to a stack another process started.
        addresses = {part: component.address for part, component in self._components.items()}
        (self.workdir / ADDRESSES).write_text(json.dumps({"process": os.getpid(), **addresses}), "utf-8")

    def _take_workdir(self) -> None:
        self.workdir.mkdir(parents=True, exist_ok=True)
        lock = (self.workdir / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise WorkdirBusy(
                f"{self.workdir}: another stack (process {holder}) works here, and only one can",
                "stop it, or choose another working directory",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock
        self._clear()

    def _clear(self) -> None:
        (self.workdir / ADDRESSES).unlink(missing_ok=True)
        for folder in (self._conf, self.log_dir, *(() if self._keep_data else (self._data,))):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        self._data.mkdir(exist_ok=True)


def _start_and_wait(component: _Component) -> None:
    component.start()
    component.wait_ready()


def _require_memory(parts: Sequence[str]) -> None:
    needed = sum(_NEEDS_BYTES[part] for part in parts)
    available = psutil.virtual_memory().available
    if available < needed:
        raise NotEnoughMemory(
            f"{', '.join(parts)} need {needed / _GIB:.1f} GiB of free memory, this machine has "
            f"{available / _GIB:.1f} GiB available",
            "close other programs, or start fewer parts",
        )
