"""ROUTES: documents of every kind -> the topics that others read."""

from __future__ import annotations

from collections.abc import Iterable

from pyflink.table import TableEnvironment

from connectors.contracts import topics
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.statements import statement
from jobs.wiring import Inserts, add_view

READS = ("documents",)
TOPICS = {
    "late": topics.EVENTS_LATE,
    "rejected": topics.EVENTS_REJECTED,
    "alias": topics.ALIASES,
    "signal": topics.SIGNALS,
    "segment": topics.SEGMENTS,
    "features": topics.FEATURES,
    "score": topics.SCORES,
    "valid": topics.EVENTS_VALID,
    "session": topics.SESSIONS,
    "visitor": topics.VISITORS,
}
# In the suite sessions and visitors go straight to the index; valid events have a topic where asked for.
OF_THE_SUITE = ("late", "rejected", "alias", "signal", "segment", "features", "score")


def of_the_suite(settings: Settings) -> tuple[str, ...]:
    """The kinds of documents that the suite has topics for.

    >>> of_the_suite(Settings(valid_events=True))[0]
    'valid'
    """
    return ("valid", *OF_THE_SUITE) if settings.valid_events else OF_THE_SUITE


def write(env: TableEnvironment, inserts: Inserts, kafka: KafkaTables, kinds: Iterable[str]) -> None:
    """Adds one sink for all topics; a document's kind says which one it goes to."""
    chosen = {kind: TOPICS[kind].name for kind in kinds}
    add_view(env, "topic_writes", statement("topics/topic_writes"))
    inserts.into(
        "topics_sink",
        kafka.document_sink(chosen.values()),
        f"SELECT record_key, record_value, topic FROM topic_writes WHERE kind IN {tuple(chosen)}",  # noqa: S608 - ours
    )
