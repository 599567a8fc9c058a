"""INDEX: the documents of the other stages -> Elasticsearch; what it refuses -> index.failures."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors import topics
from connectors.elasticsearch import ElasticsearchEnds
from connectors.kafka import KafkaEnds
from jobs import ends
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_view, add_views, environment
from state.sql import statement
from udfs.bulk_index import bulk_index

READS = ("session_documents", "signal_documents", "alias_documents", "visitor_documents", "shadow_documents")
VIEWS = ("index/documents", "index/index_failures")


def build(env: TableEnvironment, elasticsearch: ElasticsearchEnds, settings: Settings) -> None:
    """Adds the stage's views over the documents; selecting from `index_failures` is what writes."""
    env.create_temporary_function("index_documents", bulk_index(elasticsearch))
    add_views(env, VIEWS, settings)


def write(inserts: Inserts, kafka: KafkaEnds) -> None:
    """Failures to their topic, in every deployment."""
    inserts.into(
        "index_failures_topic",
        kafka.text_sink(topics.INDEX_FAILURES),
        "SELECT document_id, failure FROM index_failures",
    )


def main(argv: list[str]) -> None:
    """Runs the stage alone: documents from their topics into the index."""
    settings = settings_from(argv)
    env, kafka = environment("index", settings), ends.kafka("index", settings)
    env.create_temporary_table("sessions_read", kafka.text_source(topics.SESSIONS))
    env.create_temporary_table("signals_read", kafka.text_source(topics.SIGNALS))
    env.create_temporary_table("visitors_read", kafka.text_source(topics.VISITORS))
    add_view(env, "session_documents", statement("index/sessions_read_back"))
    env.create_temporary_table("aliases_read", kafka.text_source(topics.ALIASES))
    add_view(env, "signal_documents", statement("index/signals_read_back"))
    add_view(env, "alias_documents", statement("index/aliases_read_back"))
    add_view(env, "visitor_documents", statement("index/visitors_read_back"))
    env.create_temporary_table("scores_read", kafka.text_source(topics.SCORES))
    add_view(env, "shadow_documents", statement("index/shadow_scores_read_back"))
    build(env, ends.elasticsearch(settings), settings)
    inserts = Inserts(env)
    write(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
