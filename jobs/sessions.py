"""SESSIONS: events.valid -> sessions. A visitor's events with no gap of more than the session gap between."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.kafka import KafkaEnds
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_view, add_views, environment, read_valid_events
from state.sql import statement

READS = ("events_valid",)
VIEWS = (
    "sessions/ordered_events",
    "sessions/session_events",
    "sessions/sessions",
    "sessions/session_documents",
    "sessions/session_intakes",
    "sessions/session_ledger",
)


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `events_valid` as INGEST of the same job hands it over."""
    add_view(env, "ordered_events", statement("sessions/events_as_ingested"))
    add_views(env, VIEWS[1:], settings)


def build_on_topic(env: TableEnvironment, settings: Settings) -> None:
    """The same over events as they lie in a topic, in whatever order."""
    add_views(env, VIEWS, settings)


def write_ledger(inserts: Inserts, kafka: KafkaEnds, settings: Settings) -> None:
    """What the stage took in, beside the ledger of ingest, when the settings ask for it."""
    if settings.audit_sessions:
        inserts.into(
            "session_ledger_topic",
            kafka.text_sink(topics.LEDGER),
            "SELECT entry_id, entry FROM session_ledger",
        )


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events from their topic, session documents to theirs."""
    settings = settings_from(argv)
    env, kafka = environment("sessions", settings), ends.kafka("sessions", settings)
    read_valid_events(env, ends.events(kafka, topics.EVENTS_VALID, settings), settings)
    build_on_topic(env, settings)
    inserts = Inserts(env)
    inserts.into(
        "sessions_topic",
        kafka.text_sink(topics.SESSIONS),
        "SELECT visitor_id, document FROM session_documents",
    )
    write_ledger(inserts, kafka, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
