"""LEDGER: what became of every message -> counts by five minutes, source partition and verdict."""

from __future__ import annotations

from pyflink.table import TableEnvironment

from connectors.contracts import topics
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.wiring import Inserts, add_views

READS = ("verdicts",)
VIEWS = ("ledger/ledger", "ledger/ledger_entries")


def write(env: TableEnvironment, inserts: Inserts, kafka: KafkaTables, settings: Settings) -> None:
    """Adds the stage's views over `verdicts` and the ledger's topic."""
    add_views(env, VIEWS, settings)
    inserts.into("ledger_topic", kafka.text_sink(topics.LEDGER), "SELECT entry_id, entry FROM ledger_entries")
