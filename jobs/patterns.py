"""PATTERNS: events.valid, events.late -> matches. The rules of the active pack, compiled to views."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from jobs import ends
from jobs.active_rules import active_rules
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import (
    ANSWER_MEMORY,
    Inserts,
    add_view,
    add_views,
    environment,
    pin,
    read_valid_events,
    remember,
    tell,
)
from state.rules.program import RULE_MATCHES, Program
from state.sql import statement

READS = ("events_valid", "events_late", "ordered_events", "session_events", "sessions")
VIEWS = ("patterns/match_documents",)
COMPILED = (RULE_MATCHES,)  # the last of what the rules become


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over the events and sessions; the rules' statements end in `rule_matches`."""
    pack = program(settings)
    tell(env, rules=" ".join(rule.key_in_state for rule in active_rules(settings)))
    remember(env, ANSWER_MEMORY, pack.longest_recovery_ms + settings.dedup_ttl_ms, settings)
    for view in pack.views:
        add_view(env, view.name, view.sql)
    add_views(env, VIEWS, settings)


def program(settings: Settings) -> Program:
    """The active pack, compiled.

    Raises:
        BadRule: a rule of the pack is refused; nothing has been touched.
    """
    return Program(
        active_rules(settings),
        session_gap_ms=settings.session_gap_ms,
        expires_ms=settings.signal_expires_after_ms,
    )


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid and late events from their topics, matches to theirs."""
    settings = settings_from(argv)
    env, kafka = environment("patterns", settings), ends.kafka("patterns", settings)
    read_valid_events(env, ends.events(kafka, topics.EVENTS_VALID, settings), settings)
    env.create_temporary_table("late_events_read", ends.events(kafka, topics.EVENTS_LATE, settings))
    add_view(env, "events_late", statement("ingest/events_read_back", {"events": "late_events_read"}))
    add_views(env, ("sessions/ordered_events", "sessions/session_events", "sessions/sessions"), settings)
    build(env, settings)
    inserts = Inserts(env)
    pin(env, inserts, "sessions")
    inserts.into(
        "matches_topic", kafka.text_sink(topics.MATCHES), "SELECT visitor_id, document FROM match_documents"
    )
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
