"""INGEST: events.raw -> events.valid | events.late | events.rejected | ledger.

Reads `events_json`. Validates in the JVM, drops duplicates, sets late events apart, finds the messages that
did not parse by the offsets they leave out, and keeps the ledger.
"""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.kafka import KafkaEnds
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import VERSION, Inserts, add_view, add_views, environment
from state.sql import statement
from udfs.fetch_rejected import fetch_rejected

READS = ("events_json",)
VIEWS = (
    "ingest/events_checked",
    "ingest/events_on_time",
    "ingest/events_valid",
    "ingest/events_late",
    "ingest/message_gaps",
    "ingest/events_refused",
    "ingest/events_rejected",
    "ingest/verdicts",
    "ingest/ledger",
    "ingest/ledger_entries",
)


def build(env: TableEnvironment, kafka: KafkaEnds, settings: Settings) -> None:
    """Adds the stage's views over `events_json`; `kafka` is where refused messages are read again."""
    env.create_temporary_function("fetch_rejected", fetch_rejected(kafka.client_properties(), VERSION))
    add_views(env, VIEWS, settings)
    for view, events in (("valid_documents", "events_valid"), ("late_documents", "events_late")):
        add_view(env, view, statement("ingest/event_documents", {"events": events}))


def write_ledgers(inserts: Inserts, kafka: KafkaEnds) -> None:
    """What every deployment keeps: the late, the rejected and the ledger."""
    inserts.into(
        "late_topic", kafka.text_sink(topics.EVENTS_LATE), "SELECT visitor_id, document FROM late_documents"
    )
    inserts.into(
        "rejected_topic",
        kafka.text_sink(topics.EVENTS_REJECTED),
        "SELECT letter_id, letter FROM events_rejected",
    )
    inserts.into("ledger_topic", kafka.text_sink(topics.LEDGER), "SELECT entry_id, entry FROM ledger_entries")


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events go to their topic."""
    settings = settings_from(argv)
    env, kafka = environment("ingest", settings), ends.kafka("ingest", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    build(env, kafka, settings)
    inserts = Inserts(env)
    inserts.into(
        "valid_topic",
        kafka.text_sink(topics.EVENTS_VALID),
        "SELECT visitor_id, document FROM valid_documents",
    )
    write_ledgers(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
