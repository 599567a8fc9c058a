"""Every Kafka topic: name, key, value, retention, writers, readers. Pure.

What is about a visitor is keyed by ``visitor_id``, so that the order of one visitor's records holds on the
way. What is about one source position is keyed by that position, so that a replay writes the same key
again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "footfall."
DAY_MS = 86_400_000
MAX_RAW_MESSAGE_BYTES = 2_097_152  # above MAX_EVENT_BYTES: an oversized event must arrive to be rejected
MAX_REJECTED_MESSAGE_BYTES = 4_194_304  # base64 makes the original a third longer
# A document may tell twice what an event has (first and last page); JSON writes one character as up to six.
MAX_DOCUMENT_BYTES = 16_777_216

Cleanup = Literal["delete", "compact", "compact,delete"]


@dataclass(frozen=True)
class Topic:
    """One row of the table of topics.

    Attributes:
        name: full name, prefix included.
        key: what the record key holds (UTF-8 text).
        value: the contract of the record value, ``<contract>/<version>``.
        partitions: number of partitions when Footfall creates the topic.
        cleanup: Kafka's ``cleanup.policy``.
        retention_ms: Kafka's ``retention.ms``; -1 keeps the last record of a key for ever.
        writers: stages (module names in jobs/) and outside parties that write it.
        readers: stages and outside parties that read it.
        max_message_bytes: Kafka's ``max.message.bytes``.
        holds_visitors: whether a record tells of a visitor; false for counts and hashes.
        read_with: names of topics that every reader reads as well.
    """

    name: str
    key: str
    value: str
    partitions: int
    cleanup: Cleanup
    retention_ms: int
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    max_message_bytes: int = 1_048_588
    holds_visitors: bool = True
    read_with: tuple[str, ...] = ()

    def config(self) -> dict[str, str]:
        """The topic's configuration as Kafka takes it at creation.

        >>> EVENTS_LATE.config()["retention.ms"]
        '604800000'
        """
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
        }


EVENTS_RAW = Topic(
    name="footfall.events.raw",
    key="visitor_id or anonymous_id as the tracker knows it; may be null",
    value="event/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("trackers", "collector", "api", "shop", "adapt"),
    readers=("ingest", "suite", "audit"),
    max_message_bytes=MAX_RAW_MESSAGE_BYTES,
    read_with=("footfall.events.reentry",),
)
EVENTS_REENTRY = Topic(
    name="footfall.events.reentry",
    key="visitor_id",
    value="event/1",
    partitions=1,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("replay-rejected",),
    readers=("ingest", "suite"),
    max_message_bytes=MAX_RAW_MESSAGE_BYTES,
)
EVENTS_FOREIGN = Topic(
    name="footfall.events.foreign",
    key="whatever the sender has; may be null",
    value="foreign/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("trackers",),
    readers=("adapt",),
    max_message_bytes=MAX_RAW_MESSAGE_BYTES,
)
REPLAYED = Topic(
    name="footfall.events.replayed",
    key="id of the dead letter: topic:partition:offset, and the event's index in a message of many",
    value="replayed/1",
    partitions=1,
    cleanup="compact",
    retention_ms=-1,
    writers=("replay-rejected",),
    readers=("replay-rejected",),
    holds_visitors=False,
)
EVENTS_VALID = Topic(
    name="footfall.events.valid",
    key="visitor_id",
    value="event/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("ingest", "suite"),
    readers=("visitors", "archive", "recommendations", "operators"),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
EVENTS_LATE = Topic(
    name="footfall.events.late",
    key="visitor_id",
    value="event/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("ingest", "suite"),
    readers=("visitors", "audit"),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
EVENTS_REJECTED = Topic(
    name="footfall.events.rejected",
    key="topic:partition:offset of the rejected record, and the event's index in a message of many",
    value="rejected/1",
    partitions=1,
    cleanup="delete",
    retention_ms=30 * DAY_MS,
    writers=("ingest", "suite", "adapt", "collector", "api"),
    readers=("audit", "operators", "replay-rejected"),
    max_message_bytes=MAX_REJECTED_MESSAGE_BYTES,
)
LEDGER = Topic(
    name="footfall.ledger",
    key="entry_id: verdict, partition and windows of the entry",
    value="ledger/1",
    partitions=1,
    cleanup="compact,delete",
    retention_ms=90 * DAY_MS,
    writers=("ingest", "suite"),
    readers=("audit", "operators"),
    holds_visitors=False,
)
SESSIONS = Topic(
    name="footfall.sessions",
    key="visitor_id",
    value="session/1",
    partitions=4,
    cleanup="delete",
    retention_ms=30 * DAY_MS,
    writers=("visitors",),
    readers=("index", "archive"),
)
SCORES = Topic(
    name="footfall.scores",
    key="visitor_id",
    value="score/1",
    partitions=4,
    cleanup="delete",
    retention_ms=30 * DAY_MS,
    writers=("visitors", "suite"),
    readers=("index", "operators", "training"),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
FEATURES = Topic(
    name="footfall.features",
    key="visitor_id",
    value="features/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("visitors", "suite"),
    readers=("operators",),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
VISITORS = Topic(
    name="footfall.visitors",
    key="visitor_id",
    value="visitor/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("visitors",),
    readers=("index",),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
SIGNALS = Topic(
    name="footfall.signals",
    key="visitor_id",
    value="signal/1",
    partitions=4,
    cleanup="delete",
    retention_ms=30 * DAY_MS,
    writers=("ingest", "visitors", "suite"),
    readers=("index", "triggers", "archive", "api"),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
SEGMENTS = Topic(
    name="footfall.segments",
    key="visitor_id",
    value="segment/1",
    partitions=4,
    cleanup="compact",
    retention_ms=-1,
    writers=("visitors", "suite", "operators"),
    readers=("api", "operators"),
)
ALIASES = Topic(
    name="footfall.aliases",
    key="alias_id: of an anonymous id and a user",
    value="alias/1",
    partitions=1,
    cleanup="compact",
    retention_ms=-1,
    writers=("ingest", "suite"),
    readers=("index", "operators"),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
ERASURES = Topic(
    name="footfall.erasures",
    key="SHA-256 of the erased id, hexadecimal",
    value="erasure/1",
    partitions=1,
    cleanup="compact",
    retention_ms=-1,
    writers=("operators",),
    readers=("operators",),
    holds_visitors=False,
)
ERASURE_ORDERS = Topic(
    name="footfall.erasures.orders",
    key="visitor_id",
    value="erasure_order/1",
    partitions=1,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("operators",),
    readers=("triggers", "recommendations", "api"),
)
TRIGGERS = Topic(
    name="footfall.triggers",
    key="visitor_id",
    value="trigger/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("triggers",),
    readers=("marketing",),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
TRIGGERS_SUPPRESSED = Topic(
    name="footfall.triggers.suppressed",
    key="visitor_id",
    value="trigger/1",
    partitions=4,
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("triggers",),
    readers=("operators",),
    max_message_bytes=MAX_DOCUMENT_BYTES,
)
EXPOSURES = Topic(
    name="footfall.exposures",
    key="visitor_id",
    value="exposure/1",
    partitions=4,
    cleanup="delete",
    retention_ms=90 * DAY_MS,
    writers=("serve",),
    readers=("operators",),
)
INDEX_FAILURES = Topic(
    name="footfall.index.failures",
    key="id of the document",
    value="index_failure/1",
    partitions=1,
    cleanup="delete",
    retention_ms=30 * DAY_MS,
    writers=("index", "recommendations", "audit"),
    readers=("operators",),
    max_message_bytes=MAX_RAW_MESSAGE_BYTES,
)

TOPICS: tuple[Topic, ...] = (
    EVENTS_FOREIGN,
    EVENTS_RAW,
    EVENTS_REENTRY,
    EVENTS_VALID,
    EVENTS_LATE,
    EVENTS_REJECTED,
    LEDGER,
    SESSIONS,
    SCORES,
    FEATURES,
    VISITORS,
    SIGNALS,
    SEGMENTS,
    ALIASES,
    ERASURES,
    ERASURE_ORDERS,
    TRIGGERS,
    TRIGGERS_SUPPRESSED,
    EXPOSURES,
    INDEX_FAILURES,
    REPLAYED,
)


def topic(name: str) -> Topic:
    """The row of the named topic.

    Raises:
        KeyError: no such topic; the message lists those there are.

    >>> topic("footfall.signals").value
    'signal/1'
    """
    for row in TOPICS:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in TOPICS)
    raise KeyError(f"connectors/contracts/topics.py has no topic {name!r}; use one of: {known}")
