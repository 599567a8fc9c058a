"""SUITE: every stage in one job; between stages there is no topic, only those that others read."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.elasticsearch import ElasticsearchEnds
from connectors.kafka import KafkaEnds
from jobs import archive, ends, features, index, ingest, patterns, scoring, sessions, signals
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, environment


def build(
    env: TableEnvironment, kafka: KafkaEnds, elasticsearch: ElasticsearchEnds, settings: Settings
) -> None:
    """Adds the views of every stage over `events_json`, in the data's order."""
    ingest.build(env, kafka, settings)
    sessions.build(env, settings)
    features.build(env, settings)
    patterns.build(env, settings)
    scoring.build(env, settings)
    signals.build(env, settings)
    index.build(env, elasticsearch, settings)
    archive.build(env, settings)


def write(inserts: Inserts, kafka: KafkaEnds, settings: Settings) -> None:
    """Adds every insert of the suite but the lake's and the audit's, which are there only when asked for."""
    ingest.write_ledgers(inserts, kafka)
    features.write(inserts, kafka)
    scoring.write(inserts, kafka, settings)
    signals.write(inserts, kafka)
    index.write(inserts, kafka)


def main(argv: list[str]) -> None:
    """Submits the suite: events.raw in; Elasticsearch and the durable topics out."""
    settings = settings_from(argv)
    env, kafka = environment("suite", settings), ends.kafka("suite", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    build(env, kafka, ends.elasticsearch(settings), settings)
    inserts = Inserts(env)
    write(inserts, kafka, settings)
    sessions.write_ledger(inserts, kafka, settings)
    archive.write(inserts, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
