"""PATTERNS: events.valid -> matches. The rules; for now cart abandonment and its recovery."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_views, environment, read_valid_events

READS = ("events_valid",)
VIEWS = (
    "patterns/cart_events",
    "patterns/carts_abandoned",
    "patterns/cart_moves",
    "patterns/carts_recovered",
    "patterns/rule_matches",
    "patterns/match_documents",
)


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `events_valid`."""
    add_views(env, VIEWS, settings)


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events from their topic, matches to theirs."""
    settings = settings_from(argv)
    env, kafka = environment("patterns", settings), ends.kafka("patterns", settings)
    read_valid_events(env, ends.events(kafka, topics.EVENTS_VALID, settings), settings)
    build(env, settings)
    inserts = Inserts(env)
    inserts.into(
        "matches_topic", kafka.text_sink(topics.MATCHES), "SELECT visitor_id, document FROM match_documents"
    )
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
