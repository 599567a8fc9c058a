"""One piece of work with one client, in a process of its own: `python -m tests.bench.clients.work '{…}'`.

Writes one line of JSON: seconds and processor seconds of the work (both threads and the kernel's part), and
what the piece has found. Imports nothing but the client and the standard library.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.bench.clients.interface import Client, Record

PARTITIONS = 4
_BATCH = 10
Found = dict[str, Any]


def records(path: str) -> list[Record]:
    """The lines of the file as records, spread by visitor as a feed spreads them."""
    lines = Path(path).read_bytes().splitlines()
    keys = [b"visitor-%d" % (number // 5 % 5_000) for number in range(len(lines))]
    return [
        Record(line, key, zlib.crc32(key) % PARTITIONS, 1_700_000_000_000 + number)
        for number, (line, key) in enumerate(zip(lines, keys, strict=True))
    ]


def feed(client: Client, topic: str, path: str, compression: str = "", **_: Any) -> Callable[[], Found]:
    """Writes the file."""
    made = records(path)
    return lambda: {"records": client.feed(topic, made, compression)}


def read(client: Client, topic: str, **_: Any) -> Callable[[], Found]:
    """Reads the topic to its end."""

    def work() -> Found:
        found, length = client.read(topic, PARTITIONS)
        return {"records": found, "bytes": length}

    return work


def gate(client: Client, topic: str, name: str, times: int, **_: Any) -> Callable[[], Found]:
    """A gate: a new producer, four records, one transaction."""

    def one(number: int) -> float:
        began = time.perf_counter()
        client.gate(topic, b"heartbeat", f"{name}-{number}")
        return time.perf_counter() - began

    return lambda: {"took": [one(number) for number in range(times)]}


def transactions(
    client: Client, topic: str, name: str, times: int, path: str, **_: Any
) -> Callable[[], Found]:
    """Transactions of 500 records, as dead letters are sent again."""
    value = records(path)[0].value
    return lambda: {"took": client.transactions(topic, [500] * times, value, name)}


def acknowledged(
    client: Client, topic: str, path: str, rate: float, seconds: float, **_: Any
) -> Callable[[], Found]:
    """Batches of ten at a steady rate; each one's time counts from when it was due to when all were acknowledged."""
    made, write, took = records(path)[:10_000], client.open(), list[float]()
    done = threading.Semaphore(0)

    def batch(number: int, due: float) -> None:
        def all_there() -> None:
            took.append(time.perf_counter() - due)
            done.release()

        start = number * _BATCH % (len(made) - _BATCH)
        write(topic, made[start : start + _BATCH], all_there)

    def run(count: int) -> None:
        for number, due in enumerate(_steady(rate, count)):
            batch(number, due)
        for _ in range(count):
            assert done.acquire(timeout=30)

    def work() -> Found:
        run(round(rate * seconds))
        return {"took": took}

    run(round(rate * 2))  # connections and metadata
    took.clear()
    return work


def _steady(rate: float, count: int) -> Iterator[float]:
    began = time.perf_counter()
    for number in range(count):
        due = began + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        yield due


PIECES = {one.__name__: one for one in (feed, read, gate, transactions, acknowledged)}


def main() -> None:
    """Does what the argument says."""
    asked = json.loads(sys.argv[1])
    for module in asked.pop("without", ()):
        sys.modules[module] = None  # type: ignore[assignment]  # as if it were not installed
    side = import_module(f"tests.bench.clients.{asked.pop('client')}_side")
    work = PIECES[asked.pop("piece")](side.client(asked.pop("servers")), **asked)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    found = work()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": seconds, "cpu_s": cpu, **found}))


if __name__ == "__main__":
    main()
