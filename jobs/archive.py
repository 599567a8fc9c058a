"""ARCHIVE: events.valid, sessions, signals -> the lake: Parquet by day and hour, committed by checkpoints."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.errors import SettingError
from connectors.lake_tables import EVENTS, SESSIONS, SIGNALS
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_view, add_views, environment, read_valid_events
from state.sql import statement

READS = ("events_valid", "session_documents", "signal_documents")
_QUERIES = (
    (EVENTS, "SELECT * FROM events_archived"),
    (SESSIONS, "SELECT * FROM sessions_archived"),
    (SIGNALS, "SELECT * FROM signals_archived"),
)
VIEWS = ("archive/events_archived", "archive/sessions_archived", "archive/signals_archived")


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over the events and the documents."""
    add_views(env, VIEWS, settings)


def write(inserts: Inserts, settings: Settings) -> None:
    """Every table of the lake; nothing when there is none."""
    if not settings.archive_dir:
        return
    for table, query in _QUERIES:
        inserts.into(f"{table.name}_lake", ends.lake(table, settings.archive_dir), query)


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events, sessions and signals from their topics into the lake."""
    settings = settings_from(argv)
    if not settings.archive_dir:
        raise SettingError("job archive needs the setting archive_dir: the folder of the lake")
    env, kafka = environment("archive", settings), ends.kafka("archive", settings)
    read_valid_events(env, ends.events(kafka, topics.EVENTS_VALID, settings), settings)
    env.create_temporary_table("sessions_read", kafka.document_source(topics.SESSIONS))
    env.create_temporary_table("signals_read", kafka.document_source(topics.SIGNALS))
    add_view(env, "session_documents", statement("index/sessions_read_back"))
    add_view(env, "signal_documents", statement("index/signals_read_back"))
    build(env, settings)
    inserts = Inserts(env)
    write(inserts, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
