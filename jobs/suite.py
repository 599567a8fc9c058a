"""SUITE: every stage in one job; between stages there is no topic, only those that others read."""

from __future__ import annotations

import sys

from pyflink.table import StreamTableEnvironment

from connectors.contracts import topics
from connectors.elasticsearch.ends import ElasticsearchEnds
from jobs import archive, devices, ends, index, ledger, read, routes, visitors
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_views, environment


def build(env: StreamTableEnvironment, elasticsearch: ElasticsearchEnds, settings: Settings) -> None:
    """Adds every stage over `messages`, in the data's order; makes `documents` and `verdicts`."""
    read.build(env, settings)
    devices.build(env, settings)
    archived = ("valid",) if settings.archive_dir or settings.valid_events else ()
    visitors.build(env, settings, (*visitors.EMITS, *archived))
    add_views(env, ("documents/documents", "ledger/verdicts"), settings)
    index.build(env, elasticsearch, settings)
    archive.build(env, settings)


def main(argv: list[str]) -> None:
    """Submits the suite: events.raw in; Elasticsearch and the durable topics out."""
    settings = settings_from(argv)
    env, kafka = environment("suite", settings), ends.kafka("suite", settings)
    env.create_temporary_table("messages", read.source(kafka, topics.EVENTS_RAW, settings))
    build(env, ends.elasticsearch(settings), settings)
    inserts = Inserts(env)
    routes.write(env, inserts, kafka, routes.of_the_suite(settings))
    ledger.write(env, inserts, kafka, settings)
    index.write(inserts, kafka)
    archive.write(inserts, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
