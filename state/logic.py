"""What a keyed operator decides: the interface between the engine and whatever hosts it.

A logic knows entities (devices, visitors, …) and items (events, signals, …). It is handed one entity and one
item at a time, in order; it never sees Flink, a clock, a file or a socket. `state/bucket.py` keeps the
entities of one key and calls it; `udfs/keyed.py` hosts buckets in Flink, `state/engine.py` in a dict.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from state.codec import Codec

NEVER = 1 << 62  # a due time that does not come
FINAL = NEVER - 1  # event time when everything is over


class SourcePosition(NamedTuple):
    """Where a message was read."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class Document(NamedTuple):
    """One row that a logic brings forth.

    Attributes:
        kind: where it goes: `signal`, `session`, `rejected`, `judged` …
        key: the record's key in a topic; of `judged` the bucket that it goes to.
        id: the document's id in the index.
        version: event-time milliseconds of the last change; a higher one replaces a lower one.
        body: the document as JSON (of `judged`, the items as msgpack).
    """

    kind: str
    key: str
    id: str
    version: int
    body: bytes


CountKey = tuple[str, int, int, int]  # verdict, partition, arrived_in_ms, window_start_ms
WINDOW_MS = 300_000  # of the ledger


class Out:
    """What a slice brings forth: documents, and counts for the ledger."""

    __slots__ = ("counts", "documents")

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.counts: dict[CountKey, list[int]] = {}

    def add(self, kind: str, key: str, id_: str, version: int, body: bytes) -> None:
        """Adds a document."""
        self.documents.append(Document(kind, key, id_, version, body))

    def count(self, verdict: str, position: SourcePosition, at: int, checksum: int) -> None:
        """Counts a message for the ledger: what became of it, where and when it came in, its event time."""
        key = (verdict, position[1], position[3] // WINDOW_MS * WINDOW_MS, at // WINDOW_MS * WINDOW_MS)
        found = self.counts.get(key)
        if found is None:
            self.counts[key] = [1, checksum]
        else:
            found[0] += 1
            found[1] += checksum

    def add_counts(self, more: Out) -> None:
        """Adds the counts of another."""
        for key, (events, checksum) in more.counts.items():
            found = self.counts.setdefault(key, [0, 0])
            found[0] += events
            found[1] += checksum


class Item(Protocol):
    """Something that happened to an entity at a moment of event time."""

    @property
    def at(self) -> int:
        """Event time, epoch milliseconds."""


E = TypeVar("E")
I = TypeVar("I", bound=Item)  # noqa: E741


class Logic(ABC, Generic[E, I]):
    """Decides; remembers nothing of its own but settings, rules and models.

    Attributes:
        slice_end: end of the slice that is being taken; 0 while none is. What shall wait until a slice is
            over (a question to a model) is due in its last millisecond and not settled while this stands.
        codec: of its entities.
        slice_ms: length of slices, where entities look at each other: then whatever is due before a slice is
            settled before its first item. 0 where each is on its own.
    """

    codec: Codec[E]
    slice_end: int = 0
    slice_ms: int = 0

    @abstractmethod
    def items(
        self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[I]:
        """The items in what was handed over; what cannot be one is refused into `out`."""

    @abstractmethod
    def order(self, item: I) -> tuple[int, int, str]:
        """The sort key: event time, sequence, event id."""

    @abstractmethod
    def entity_id(self, item: I) -> str:
        """Whose it is."""

    @abstractmethod
    def new(self, entity_id: str) -> E:
        """An entity of which nothing is known yet."""

    @abstractmethod
    def take(self, entity: E, item: I, out: Out) -> None:
        """Takes an item; everything that was due before it has been settled."""

    @abstractmethod
    def take_late(self, entity: E, item: I, out: Out) -> None:
        """Takes an item that came behind the watermark: it corrects and counts nothing."""

    @abstractmethod
    def settle(self, entity: E, now: int, out: Out) -> None:
        """Does all that is due before `now` (event time, exclusive)."""

    @abstractmethod
    def next_due(self, entity: E) -> int:
        """The event time at which something is due next, forgetting included; NEVER if nothing is.

        Something due at `t` is settled once `now > t`.
        """

    @abstractmethod
    def is_over(self, entity: E, now: int) -> bool:
        """Whether the entity may be forgotten; asked after `settle`."""

    def encode(self, entity: E) -> bytes:
        """The entity for the state, its version in front."""
        return self.codec.encode(entity)

    def decode(self, entity_id: str, data: bytes) -> E:
        """The entity again; older versions are migrated.

        Raises:
            StateTooNew: the bytes are of a newer version than this code.
        """
        return self.codec.decode(data)

    def opened(self, entity_id: str, data: bytes | memoryview) -> None:
        """Told of each entity, as bytes, that is there when a bucket is opened; looks at their version.

        Raises:
            StateTooNew: the bytes are of a newer version than this code.
        """
        self.check(data)

    def check(self, data: bytes | memoryview) -> None:
        """Looks at the version of an entity's bytes, which are their first one.

        Raises:
            StateTooNew: it is newer than this code.
        """
        self.codec.check(data)

    def forgotten(self, entity_id: str) -> None:
        """Told of each entity that is forgotten."""

    def end_slice(self, out: Out) -> None:
        """Called behind each slice, or piece of one, when its items are taken: what was gathered goes out."""
