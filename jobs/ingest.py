"""INGEST: events.raw -> events.valid | events.late | events.rejected | ledger | aliases | matches.

Reads `events_json`. Validates in the JVM, drops duplicates, sets late events apart, finds the messages that
did not parse by the offsets they leave out, and keeps the ledger. Knows whose an event is, and holds back
what comes without consent or from a bot.
"""

from __future__ import annotations

import sys
from typing import Any

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.kafka import KafkaEnds
from connectors.pseudonyms import KeyPlace
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import VERSION, Inserts, add_view, add_views, environment
from state.sql import statement
from udfs.fetch_rejected import fetch_rejected
from udfs.pseudonymise import pseudonymise

READS = ("events_json",)
VIEWS = (
    "ingest/events_checked",
    "ingest/events_accepted",
    "ingest/events_on_time",
    "ingest/events_first",
    "ingest/events_by_device",
    "ingest/events_remembered",
    "ingest/events_stitched",
    "ingest/events_by_visitor",
    "ingest/events_consented",
    "ingest/events_judged",
    "ingest/events_admitted",
    "ingest/events_valid",
    "ingest/events_withheld",
    "ingest/identifications",
    "ingest/visitors_merged",
    "ingest/alias_documents",
    "ingest/throttles",
    "ingest/throttles_begun",
    "ingest/visitor_matches",
    "ingest/events_late",
    "ingest/message_gaps",
    "ingest/events_refused",
    "ingest/events_rejected",
    "ingest/verdicts",
    "ingest/ledger",
    "ingest/ledger_entries",
)


def build(env: TableEnvironment, kafka: KafkaEnds, settings: Settings) -> None:
    """Adds the stage's views over `events_json`; `kafka` is where refused messages are read again."""
    env.create_temporary_function("fetch_rejected", _dead_letters(kafka, settings))
    add_views(env, VIEWS[:1], settings)
    add_view(env, "events_accepted", _accepted(env, settings))
    add_views(env, VIEWS[2:], settings)
    for view, events in (("valid_documents", "events_valid"), ("late_documents", "events_late")):
        add_view(env, view, statement("ingest/event_documents", {"events": events}))
    found = statement("patterns/match_documents", {"matches": "visitor_matches"})
    add_view(env, "visitor_match_documents", found)


def _dead_letters(kafka: KafkaEnds, settings: Settings) -> Any:
    return fetch_rejected(kafka.client_properties(), VERSION, settings.rejected_payloads)


def _accepted(env: TableEnvironment, settings: Settings) -> str:
    """The statement of `events_accepted`: ids as they came, or as pseudonyms."""
    if not settings.pseudonymise:
        return statement("ingest/events_accepted")
    env.create_temporary_function("pseudonymise", pseudonymise(KeyPlace(settings.pseudonym_key_file)))
    return statement("ingest/events_pseudonymous")


def write_ledgers(inserts: Inserts, kafka: KafkaEnds) -> None:
    """What every deployment keeps: the late, the rejected, the ledger and the aliases."""
    inserts.into(
        "late_topic", kafka.text_sink(topics.EVENTS_LATE), "SELECT visitor_id, document FROM late_documents"
    )
    inserts.into(
        "rejected_topic",
        kafka.text_sink(topics.EVENTS_REJECTED),
        "SELECT letter_id, letter FROM events_rejected",
    )
    inserts.into("ledger_topic", kafka.text_sink(topics.LEDGER), "SELECT entry_id, entry FROM ledger_entries")
    inserts.into(
        "aliases_topic", kafka.text_sink(topics.ALIASES), "SELECT alias_id, document FROM alias_documents"
    )


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events and its own matches go to their topics."""
    settings = settings_from(argv)
    env, kafka = environment("ingest", settings), ends.kafka("ingest", settings)
    env.create_temporary_table("events_json", ends.events(kafka, topics.EVENTS_RAW, settings))
    build(env, kafka, settings)
    inserts = Inserts(env)
    inserts.into(
        "valid_topic",
        kafka.text_sink(topics.EVENTS_VALID),
        "SELECT visitor_id, document FROM valid_documents",
    )
    inserts.into(
        "matches_topic",
        kafka.text_sink(topics.MATCHES),
        "SELECT visitor_id, document FROM visitor_match_documents",
    )
    write_ledgers(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
