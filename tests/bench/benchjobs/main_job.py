"""The main job: events in, sessions and abandoned carts out and indexed; no features, no scores, no other rule.

The work that the ceiling, the naive job and the batch are held against. Which rules there are, the setting
rules_dir says. With `--no-index` as the first argument documents are made and forgotten.
"""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from benchjobs.ends import forget_documents
from connectors import topics
from connectors.kafka import KafkaEnds
from jobs import ends, index, ingest, patterns, scoring, sessions, signals
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_view, environment

_NO_VISITORS = """
SELECT visitor_id, CAST(0 AS BIGINT) AS version, CAST('' AS STRING) AS document FROM session_documents WHERE FALSE
"""


def build(env: TableEnvironment, kafka: KafkaEnds, settings: Settings) -> Inserts:
    """The stages in the order of jobs/suite.py, without FEATURES, SCORING and INDEX."""
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    ingest.build(env, kafka, settings)
    sessions.build(env, settings)
    patterns.build(env, settings)
    scoring.build_nothing(env)
    signals.build(env, settings)
    add_view(env, "visitor_documents", _NO_VISITORS)
    inserts = Inserts(env)
    ingest.write_ledgers(inserts, kafka)
    signals.write(inserts, kafka)
    return inserts


def main(argv: list[str]) -> None:
    """Submits it."""
    is_indexed = argv[:1] != ["--no-index"]
    settings = settings_from(argv if is_indexed else argv[1:])
    env, kafka = environment("bench-main", settings), ends.kafka("bench-main", settings)
    inserts = build(env, kafka, settings)
    if is_indexed:
        index.build(env, ends.elasticsearch(settings), settings)
        index.write(inserts, kafka)
    else:
        forget_documents(env, inserts)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
