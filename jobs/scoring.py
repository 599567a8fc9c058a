"""SCORING: features -> scores, signals, visitors. What models say at the moments that they learnt from.

On its own it reads features from their topic and not events: it keeps no session, and what is scored is, byte
for byte, what the topic has for whoever wants to know why.
"""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.kafka import KafkaEnds
from connectors.model_inputs import MODELS, OFFERED
from connectors.model_scorer import Scorer
from jobs import ends, features
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_view, add_views, environment, values
from state.sql import statement
from udfs.score import registry_at, score

READS = ("feature_documents", "session_features", "visitor_features")
VIEWS = (
    "scoring/score_requests",
    "scoring/scores",
    "scoring/score_documents",
    "scoring/score_signals",
    "scoring/shadow_documents",
    "scoring/visitor_changes",
    "scoring/visitor_documents",
)


def build(env: TableEnvironment, settings: Settings) -> None:
    """Adds the stage's views over the features; where scoring is off, views without rows.

    Raises:
        ModelRefused: a model has no version that can be used; nothing has been submitted.
    """
    if not settings.scoring:
        build_nothing(env)
        return
    Scorer(registry_at(settings.model_dir), OFFERED).open(MODELS)
    env.create_temporary_function("score_features", score(settings.model_dir))
    add_views(env, VIEWS, settings)


def build_nothing(env: TableEnvironment) -> None:
    """Adds the views that other stages read, without rows: the planner leaves them out."""
    for view in ("score_signals", "shadow_documents"):
        add_view(env, view, statement("scoring/no_scores"))


def write(inserts: Inserts, kafka: KafkaEnds, settings: Settings) -> None:
    """Every score to its topic, in every deployment."""
    if settings.scoring:
        inserts.into(
            "scores_topic",
            kafka.text_sink(topics.SCORES),
            "SELECT visitor_id, document FROM score_documents",
        )


def main(argv: list[str]) -> None:
    """Runs the stage alone: features from their topic; scores, signals and visitors to theirs."""
    settings = settings_from(argv).replace(scoring=True)
    env, kafka = environment("scoring", settings), ends.kafka("scoring", settings)
    source = kafka.features_source(topics.FEATURES, statement("ingest/watermark", values(settings)))
    env.create_temporary_table("features_read", source)
    add_view(env, "feature_documents", statement("scoring/features_read_back", values(settings)))
    add_view(env, "session_features", statement("scoring/session_features_read_back", values(settings)))
    add_views(env, ("features/visitor_features",), settings)
    build(env, settings)
    inserts = Inserts(env)
    write(inserts, kafka, settings)
    inserts.into(
        "signals_topic", kafka.text_sink(topics.SIGNALS), "SELECT visitor_id, document FROM score_signals"
    )
    features.write_visitors(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
