"""The suite with everything on but Elasticsearch: what INDEX would write is made to its last byte and forgotten."""

from __future__ import annotations

import sys

from benchjobs.ends import BIGINT, BYTES, STRING, blackhole
from connectors.contracts import topics
from jobs import devices, ends, ledger, read, routes, visitors
from jobs.command_line import settings_from
from jobs.wiring import Inserts, add_views, environment


def main(argv: list[str]) -> None:
    """Submits the stages in the order of jobs/suite.py."""
    settings = settings_from(argv)
    env, kafka = environment("bench-suite", settings), ends.kafka("bench-suite", settings)
    env.create_temporary_table("messages", read.source(kafka, topics.EVENTS_RAW, settings))
    read.build(env, settings)
    devices.build(env, settings)
    visitors.build(env, settings)
    add_views(env, ("documents/documents", "ledger/verdicts", "index/index_writes"), settings)
    inserts = Inserts(env)
    routes.write(env, inserts, kafka, routes.OF_THE_SUITE)
    ledger.write(env, inserts, kafka, settings)
    forgotten = blackhole(index_name=STRING, id=STRING, version=BIGINT, body=BYTES)
    inserts.into("forgotten", forgotten, "SELECT index_name, id, version, body FROM index_writes")
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
