"""AUDIT: events.raw, ledger, late, rejected -> the index: read = valid + duplicate + late + rejected.

For each five minutes of arrival and each partition. A job of its own: it counts the raw topic's messages
again, and shares no operator with the jobs that it checks.
"""

from __future__ import annotations

import sys

from pyflink.table import TableEnvironment

from connectors.contracts import topics
from connectors.elasticsearch.ends import ElasticsearchEnds
from jobs import ends
from jobs.command_line import settings_from
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.wiring import Inserts, add_views, environment
from udfs.audit_index import audit_index

READS = ("raw_read", "ledger_read", "late_read", "rejected_read")
VIEWS = (
    "audit/audit_read",
    "audit/audit_entries",
    "audit/audit_late",
    "audit/audit_letters",
    "audit/audit_facts",
    "audit/audit_windows",
    "audit/audit_documents",
    "audit/audit_failures",
)
# A window's sums go out together every so often, not with every message.
_OPTIONS = {
    "table.exec.mini-batch.enabled": "true",
    "table.exec.mini-batch.allow-latency": "2 s",
    "table.exec.mini-batch.size": "20000",
}


def build(env: TableEnvironment, elasticsearch: ElasticsearchEnds, settings: Settings) -> None:
    """Adds the stage's views over the topics; selecting from `audit_failures` is what writes."""
    env.create_temporary_function("index_audit", audit_index(elasticsearch))
    add_views(env, VIEWS, settings)


def read(env: TableEnvironment, kafka: KafkaTables) -> None:
    """The topics as tables."""
    env.create_temporary_table("raw_read", kafka.message_source(topics.EVENTS_RAW))
    env.create_temporary_table("ledger_read", kafka.text_source(topics.LEDGER))
    env.create_temporary_table("late_read", kafka.text_source(topics.EVENTS_LATE))
    env.create_temporary_table("rejected_read", kafka.text_source(topics.EVENTS_REJECTED))


def write(inserts: Inserts, kafka: KafkaTables) -> None:
    """Failures to their topic; the windows go to the index on the way."""
    inserts.into(
        "audit_failures_topic",
        kafka.changelog_sink(topics.INDEX_FAILURES),
        "SELECT document_id, failure FROM audit_failures",
    )


def audit_environment(settings: Settings) -> TableEnvironment:
    """The jobs' environment, counting in small batches."""
    env = environment("audit", settings)
    for key, value in _OPTIONS.items():
        env.get_config().set(key, value)
    return env


def main(argv: list[str]) -> None:
    """Runs the stage, always alone."""
    settings = settings_from(argv)
    env, kafka = audit_environment(settings), ends.kafka("audit", settings)
    read(env, kafka)
    build(env, ends.elasticsearch(settings), settings)
    inserts = Inserts(env)
    write(inserts, kafka)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
