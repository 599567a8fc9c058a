"""The suite with everything on but Elasticsearch: what INDEX would write goes into a blackhole."""

from __future__ import annotations

import sys

from benchjobs.ends import forget_documents
from connectors import topics
from jobs import ends, features, ingest, patterns, scoring, sessions, signals
from jobs.command_line import settings_from
from jobs.wiring import Inserts, environment


def main(argv: list[str]) -> None:
    """Submits the stages in the order of jobs/suite.py."""
    settings = settings_from(argv)
    env, kafka = environment("bench-suite", settings), ends.kafka("bench-suite", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    ingest.build(env, kafka, settings)
    sessions.build(env, settings)
    features.build(env, settings)
    patterns.build(env, settings)
    scoring.build(env, settings)
    signals.build(env, settings)
    inserts = Inserts(env)
    ingest.write_ledgers(inserts, kafka)
    features.write(inserts, kafka)
    scoring.write(inserts, kafka, settings)
    signals.write(inserts, kafka)
    forget_documents(env, inserts)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
