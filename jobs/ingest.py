"""INGEST: READ, DEVICES and admission on their own: events.raw -> events.valid, late, rejected, ledger.

For a deployment of several jobs: whatever reads the topic of valid events gets what nothing holds back, of
its canonical visitor. The suite has all of it in VISITORS.
"""

from __future__ import annotations

import sys

from pyflink.table import StreamTableEnvironment

from connectors.contracts import topics
from jobs import devices, ends, ledger, read, routes
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.visitors import VIEWS
from jobs.wiring import VALUES, VERSION, Inserts, add_views, environment, hosted
from state.options import Options
from udfs.logics import MakeAdmission

READS = ("messages",)
EMITS = ("valid", "rejected", "alias", "signal")


def build(env: StreamTableEnvironment, settings: Settings) -> None:
    """Adds all stages over `messages`; makes `documents` and `verdicts`."""
    read.build(env, settings)
    devices.build(env, settings)
    add_views(env, VIEWS, settings)
    make = MakeAdmission(Options.of(settings, EMITS, VERSION))
    hosted(env, "visitors", "visitor_inputs", VALUES, make, settings)
    add_views(env, ("documents/documents", "ledger/verdicts"), settings)


def main(argv: list[str]) -> None:
    """Runs the job: raw events in, valid ones and what became of the others out."""
    settings = settings_from(argv)
    env, kafka = environment("ingest", settings), ends.kafka("ingest", settings)
    env.create_temporary_table("messages", read.source(kafka, topics.EVENTS_RAW, settings))
    build(env, settings)
    inserts = Inserts(env)
    routes.write(env, inserts, kafka, ("valid", *routes.OF_THE_SUITE))
    ledger.write(env, inserts, kafka, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
