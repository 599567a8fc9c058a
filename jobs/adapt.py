"""ADAPT: events.foreign -> events.raw | events.rejected. What other trackers send, as canonical events.

Live it is a stream. A bounded read is history: batch, and its events are written in the order in which they
happened, so that ingest finds none of them late.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from pyflink.table import TableDescriptor, TableEnvironment

from connectors.adapters import ADAPTERS, AUTO
from connectors.contracts import topics
from connectors.errors import SettingError
from jobs import ends
from jobs.command_line import settings_from
from jobs.kafka_tables import KafkaTables, foreign_source
from jobs.settings import Settings
from jobs.wiring import VERSION, Inserts, add_views, batch_environment, environment
from udfs.adapt import adapt_message

READS = ("foreign_messages",)
VIEWS = (
    "adapt/results",
    "adapt/adapted",
    "adapt/events_adapted",
    "adapt/messages_refused",
    "adapt/events_in_order",
)
_IN_ORDER = "SELECT record_key, document, source_timestamp FROM events_in_order"
_AS_THEY_COME = "SELECT record_key, document, source_timestamp FROM events_adapted"
# One row may be two million bytes: small batches bound a worker's memory.
_BATCH_ROWS = "100"


def foreign_topics(setting: str) -> dict[str, str]:
    """The topics of the setting and the adapter of each.

    >>> foreign_topics("footfall.events.foreign, shop.segment=segment")
    {'footfall.events.foreign': 'auto', 'shop.segment': 'segment'}

    Raises:
        SettingError: there is no topic, or no such adapter.
    """
    pairs = [part.strip().partition("=") for part in setting.split(",") if part.strip()]
    named = {topic.strip(): adapter.strip() or AUTO for topic, _, adapter in pairs}
    unknown = [adapter for adapter in named.values() if adapter not in (AUTO, *ADAPTERS)]
    if unknown or not named or "" in named:
        raise SettingError(
            f"setting foreign_topics takes topic or topic=adapter, comma separated, adapters are "
            f"{', '.join((AUTO, *ADAPTERS))}; got {setting!r}"
        )
    return named


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `foreign_messages`."""
    for option in ("python.fn-execution.arrow.batch.size", "python.fn-execution.bundle.size"):
        env.get_config().set(option, _BATCH_ROWS)
    env.create_temporary_function(
        "adapt_message", adapt_message(foreign_topics(settings.foreign_topics), VERSION)
    )
    add_views(env, VIEWS, settings)


def write(inserts: Inserts, events: TableDescriptor, letters: TableDescriptor, settings: Settings) -> None:
    """Events and dead letters to their ends."""
    inserts.into("adapted_topic", events, _IN_ORDER if settings.bounded else _AS_THEY_COME)
    inserts.into("refused_topic", letters, "SELECT letter_id, letter FROM messages_refused")


def main(argv: list[str]) -> None:
    """Runs the stage: foreign messages in, raw events and dead letters out."""
    settings = settings_from(argv)
    make = batch_environment if settings.bounded else environment
    env, kafka = make("adapt", settings), ends.kafka("adapt", settings)
    env.create_temporary_table("foreign_messages", _source(kafka, settings))
    build(env, settings)
    inserts = Inserts(env)
    write(inserts, kafka.stamped_sink(topics.EVENTS_RAW), kafka.text_sink(topics.EVENTS_REJECTED), settings)
    inserts.submit()


def _source(kafka: KafkaTables, settings: Settings) -> TableDescriptor:
    names = ";".join(foreign_topics(settings.foreign_topics))
    return foreign_source(kafka, replace(topics.EVENTS_FOREIGN, name=names))


if __name__ == "__main__":
    main(sys.argv[1:])
