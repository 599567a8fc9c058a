"""SIGNALS: matches, scores -> signals. The contract's document for every change, with its fixed id."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.kafka import KafkaEnds, matches_source
from jobs import ends, scoring
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_views, environment

READS = ("rule_matches", "visitor_matches", "score_signals")
VIEWS = ("signals/all_matches", "signals/match_signals", "signals/signal_documents")


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `rule_matches`, `visitor_matches` and the documents of SCORING."""
    add_views(env, VIEWS, settings)


def write(inserts: Inserts, kafka: KafkaEnds) -> None:
    """Signals to their topic, in every deployment."""
    inserts.into(
        "signals_topic", kafka.text_sink(topics.SIGNALS), "SELECT visitor_id, document FROM signal_documents"
    )


def main(argv: list[str]) -> None:
    """Runs the stage alone: the matches of PATTERNS and INGEST from their topic, signals to theirs.

    SCORING on its own writes its signals itself.
    """
    settings = settings_from(argv)
    env, kafka = environment("signals", settings), ends.kafka("signals", settings)
    env.create_temporary_table("all_matches", matches_source(kafka, topics.MATCHES))
    scoring.build_nothing(env)
    add_views(env, VIEWS[1:], settings)
    inserts = Inserts(env)
    write(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
