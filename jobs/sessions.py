"""SESSIONS: events.valid -> sessions. A visitor's events with no gap of more than the session gap between."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_views, environment, read_valid_events

READS = ("events_valid",)
VIEWS = ("sessions/session_events", "sessions/sessions", "sessions/session_documents")


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `events_valid`."""
    add_views(env, VIEWS, settings)


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events from their topic, session documents to theirs."""
    settings = settings_from(argv)
    env, kafka = environment("sessions", settings), ends.kafka("sessions", settings)
    read_valid_events(env, ends.events(kafka, topics.EVENTS_VALID, settings), settings)
    build(env, settings)
    inserts = Inserts(env)
    inserts.into(
        "sessions_topic",
        kafka.text_sink(topics.SESSIONS),
        "SELECT visitor_id, document FROM session_documents",
    )
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
