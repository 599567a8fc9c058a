"""What a client of Kafka has to do in the benchmark; each side implements it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """One record; its partition is chosen by Footfall."""

    value: bytes
    key: bytes
    partition: int
    timestamp_ms: int


class Client(Protocol):
    """The work of a client, as Footfall asks it: acks=all, idempotent, read_committed."""

    def feed(self, topic: str, records: Iterable[Record], compression: str) -> int:
        """Writes all; returns how many were acknowledged."""

    def read(self, topic: str, partitions: int) -> tuple[int, int]:
        """Reads to the end; returns how many records and bytes."""

    def transactions(self, topic: str, sizes: Sequence[int], value: bytes, name: str) -> list[float]:
        """One transaction of each size after the other; returns the seconds of each."""

    def gate(self, topic: str, value: bytes, name: str) -> None:
        """Opens a transactional producer, writes four records, flushes, commits."""

    def open(self) -> Callable[[str, Sequence[Record], Callable[[], None]], None]:
        """A producer that writes batches and calls back when all records of one are acknowledged."""
