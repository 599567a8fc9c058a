"""INDEX: documents -> Elasticsearch; what it refuses -> index.failures."""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors.contracts import topics
from connectors.elasticsearch.ends import ElasticsearchEnds
from jobs import ends
from jobs.command_line import settings_from
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.statements import statement
from jobs.wiring import Inserts, add_view, add_views, environment
from udfs.bulk_index import bulk_index

READS = ("documents",)
VIEWS = ("index/index_writes", "index/index_failures")
# What INDEX on its own reads: topic, kind of the documents in it, the member that is their id.
_READ_BACK = (
    (topics.SESSIONS, "session", "session_id"),
    (topics.SIGNALS, "signal", "signal_id"),
    (topics.ALIASES, "alias", "alias_id"),
    (topics.VISITORS, "visitor", "visitor_id"),
    (topics.SCORES, "score", "score_id"),
)


def build(env: TableEnvironment, elasticsearch: ElasticsearchEnds, settings: Settings) -> None:
    """Adds the stage's views over `documents`; selecting from `index_failures` is what writes."""
    env.create_temporary_function("index_documents", bulk_index(elasticsearch))
    add_views(env, VIEWS, settings)


def write(inserts: Inserts, kafka: KafkaTables) -> None:
    """Failures to their topic, in every deployment."""
    inserts.into(
        "index_failures_topic",
        kafka.text_sink(topics.INDEX_FAILURES),
        "SELECT document_id, failure FROM index_failures",
    )


def read_back(env: TableEnvironment, kafka: KafkaTables) -> None:
    """Makes `documents` of the topics that hold them."""
    for topic, kind, id_field in _READ_BACK:
        time = "scored_at_ms" if topic is topics.SCORES else "version"
        env.create_temporary_table(f"{kind}_topic", kafka.document_source(topic, time))
        words = {"topic": f"{kind}_topic", "kind": kind, "id_field": id_field}
        add_view(env, f"{kind}_read_back", statement("index/read_back", words))
    add_view(env, "shadow_read_back", statement("index/shadow_read_back"))
    add_view(env, "documents", statement("index/documents_read_back"))


def main(argv: list[str]) -> None:
    """Runs the stage alone: documents from their topics into the index."""
    settings = settings_from(argv)
    env, kafka = environment("index", settings), ends.kafka("index", settings)
    read_back(env, kafka)
    build(env, ends.elasticsearch(settings), settings)
    inserts = Inserts(env)
    write(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
