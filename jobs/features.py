"""FEATURES: session_events -> features of each event and closed session, last values of each visitor."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.kafka import KafkaEnds
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_views, environment, read_valid_events

READS = ("session_events",)
VIEWS = (
    "features/feature_inputs",
    "features/features",
    "features/feature_documents",
    "features/session_features",
    "features/visitor_features",
    "features/visitor_documents",
)


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over `session_events`; visitors are SCORING's, where that runs."""
    add_views(env, VIEWS[:-1] if settings.scoring else VIEWS, settings)


def write(inserts: Inserts, kafka: KafkaEnds) -> None:
    """Features of events and of closed sessions to their topic, in every deployment.

    By two sinks: for the branches of one the planner would compute the features twice.
    """
    for sink, view in (("features_topic", "feature_documents"), ("ended_topic", "session_features")):
        inserts.into(
            sink,
            kafka.text_sink(topics.FEATURES),
            f"SELECT visitor_id, document FROM {view}",  # noqa: S608 - name of a view
        )


def write_visitors(inserts: Inserts, kafka: KafkaEnds) -> None:
    """What is known of visitors to their topic, for INDEX on its own."""
    inserts.into(
        "visitors_topic",
        kafka.text_sink(topics.VISITORS),
        "SELECT visitor_id, document FROM visitor_documents",
    )


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid events from their topic, features to theirs; visitors if nobody scores."""
    settings = settings_from(argv)
    env, kafka = environment("features", settings), ends.kafka("features", settings)
    read_valid_events(env, ends.events(kafka, topics.EVENTS_VALID, settings), settings)
    add_views(env, ("sessions/ordered_events", "sessions/session_events"), settings)
    build(env, settings)
    inserts = Inserts(env)
    write(inserts, kafka)
    if not settings.scoring:
        write_visitors(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
