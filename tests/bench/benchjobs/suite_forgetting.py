"""Every stage of the suite with all of its state; what it would write goes into blackholes."""

from __future__ import annotations

import sys

from benchjobs.ends import BIGINT, STRING, blackhole
from connectors import topics
from jobs import ends, features, ingest, patterns, scoring, sessions, signals
from jobs.command_line import settings_from
from jobs.wiring import Inserts, add_view, environment
from state.sql import statement


def main(argv: list[str]) -> None:
    """Submits the stages in the order of jobs/suite.py."""
    settings = settings_from(argv)
    env, kafka = environment("bench-state", settings), ends.kafka("bench-state", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    ingest.build(env, kafka, settings)
    for stage in (sessions, features, patterns, scoring, signals):
        stage.build(env, settings)
    add_view(env, "documents", statement("index/documents"))
    inserts = Inserts(env)
    inserts.into(
        "documents_forgotten",
        blackhole(index_name=STRING, document_id=STRING, version=BIGINT, document=STRING),
        "SELECT index_name, document_id, version, document FROM documents",
    )
    for view, key, value in (
        ("feature_documents", "visitor_id", "document"),
        ("session_features", "visitor_id", "document"),
        ("score_documents", "visitor_id", "document"),
        ("signal_documents", "visitor_id", "document"),
        ("ledger_entries", "entry_id", "entry"),
        ("late_documents", "visitor_id", "document"),
        ("events_rejected", "letter_id", "letter"),
    ):
        nowhere = blackhole(record_key=STRING, record_value=STRING)
        inserts.into(f"{view}_forgotten", nowhere, f"SELECT {key}, {value} FROM {view}")  # noqa: S608
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
