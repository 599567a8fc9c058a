"""INGEST with all it does (validation, duplicates, late events, dead letters, ledger); valid events are forgotten."""

from __future__ import annotations

import sys

from benchjobs.ends import BIGINT, STRING, blackhole
from connectors import topics
from jobs import ends, ingest
from jobs.command_line import settings_from
from jobs.wiring import Inserts, environment

_VALID = {
    name: STRING for name in ("event_id", "event_type", "visitor_id", "context", "product", "properties")
}
_QUERY = """
SELECT event_id, event_type, visitor_id, `context`, product, properties, event_time_ms, `sequence` FROM events_valid
"""


def main(argv: list[str]) -> None:
    """Submits the stage as jobs/ingest.py does, with another end for the valid events."""
    settings = settings_from(argv)
    env, kafka = environment("bench-ingest", settings), ends.kafka("bench-ingest", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    ingest.build(env, kafka, settings)
    inserts = Inserts(env)
    ingest.write_ledgers(inserts, kafka)
    inserts.into("forgotten", blackhole(**_VALID, event_time_ms=BIGINT, sequence=BIGINT), _QUERY)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
