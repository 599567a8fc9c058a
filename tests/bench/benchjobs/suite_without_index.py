"""The suite with everything on but Elasticsearch: what INDEX would write goes into a blackhole."""

from __future__ import annotations

import sys

from benchjobs.ends import BIGINT, STRING, blackhole
from connectors import topics
from jobs import ends, ingest, patterns, sessions, signals
from jobs.command_line import settings_from
from jobs.wiring import Inserts, add_view, environment
from state.sql import statement


def main(argv: list[str]) -> None:
    """Submits the stages in the order of jobs/suite.py."""
    settings = settings_from(argv)
    env, kafka = environment("bench-suite", settings), ends.kafka("bench-suite", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    ingest.build(env, kafka, settings)
    sessions.build(env, settings)
    patterns.build(env, settings)
    signals.build(env, settings)
    # The view that INDEX selects from, so that every document is made to its last byte.
    add_view(env, "documents", statement("index/documents"))
    inserts = Inserts(env)
    ingest.write_ledgers(inserts, kafka)
    signals.write(inserts, kafka)
    inserts.into(
        "forgotten",
        blackhole(index_name=STRING, document_id=STRING, version=BIGINT, document=STRING),
        "SELECT index_name, document_id, version, document FROM documents",
    )
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
