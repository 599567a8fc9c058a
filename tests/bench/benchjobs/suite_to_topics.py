"""The suite without INDEX: documents go to their topics, where a process of its own picks them up."""

from __future__ import annotations

import sys

from connectors import topics
from jobs import ends, ingest, patterns, sessions, signals
from jobs.command_line import settings_from
from jobs.wiring import Inserts, environment


def main(argv: list[str]) -> None:
    """Submits the stages in the order of jobs/suite.py."""
    settings = settings_from(argv)
    env, kafka = environment("bench-topics", settings), ends.kafka("bench-topics", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    ingest.build(env, kafka, settings)
    sessions.build(env, settings)
    patterns.build(env, settings)
    signals.build(env, settings)
    inserts = Inserts(env)
    ingest.write_ledgers(inserts, kafka)
    signals.write(inserts, kafka)
    inserts.into(
        "sessions_topic",
        kafka.text_sink(topics.SESSIONS),
        "SELECT visitor_id, document FROM session_documents",
    )
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
