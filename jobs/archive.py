"""ARCHIVE: events.valid, sessions, signals -> the lake: Parquet by day and hour, committed by checkpoints."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors.contracts import topics
from connectors.errors import SettingError
from connectors.lake.tables import EVENTS, SESSIONS, SIGNALS
from jobs import ends
from jobs.command_line import settings_from
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.statements import statement
from jobs.wiring import Inserts, add_view, add_views, environment

READS = ("documents",)
_QUERIES = (
    (EVENTS, "SELECT * FROM events_archived"),
    (SESSIONS, "SELECT * FROM sessions_archived"),
    (SIGNALS, "SELECT * FROM signals_archived"),
)
VIEWS = ("archive/events_archived", "archive/sessions_archived", "archive/signals_archived")
# What ARCHIVE on its own reads: topic, kind of the documents in it, the members that are their id and time.
_READ_BACK = (
    (topics.EVENTS_VALID, "valid", "event_id", "event_time_ms"),
    (topics.SESSIONS, "session", "session_id", "version"),
    (topics.SIGNALS, "signal", "signal_id", "version"),
)


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `documents`, where there is a lake."""
    if settings.archive_dir:
        add_views(env, VIEWS, settings)


def write(inserts: Inserts, settings: Settings) -> None:
    """Every table of the lake; nothing when there is none."""
    if not settings.archive_dir:
        return
    for table, query in _QUERIES:
        inserts.into(f"{table.name}_lake", ends.lake(table, settings.archive_dir), query)


def read_back(env: TableEnvironment, kafka: KafkaTables) -> None:
    """Makes `documents` of the topics that hold them."""
    for topic, kind, id_field, time in _READ_BACK:
        env.create_temporary_table(f"{kind}_topic", kafka.document_source(topic, time))
        words = {"topic": f"{kind}_topic", "kind": kind, "id_field": id_field}
        add_view(env, f"{kind}_read_back", statement("index/read_back", words))
    add_view(env, "documents", statement("archive/documents_read_back"))


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events, sessions and signals from their topics into the lake."""
    settings = settings_from(argv)
    if not settings.archive_dir:
        raise SettingError(
            "job archive needs the setting archive_dir", "set archive_dir to the folder of the lake"
        )
    env, kafka = environment("archive", settings), ends.kafka("archive", settings)
    read_back(env, kafka)
    build(env, settings)
    inserts = Inserts(env)
    write(inserts, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
