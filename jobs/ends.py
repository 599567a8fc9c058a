"""The ends that a job's `main` picks from the settings; tests pick others."""

from __future__ import annotations

from pyflink.table import TableDescriptor

from connectors.elasticsearch import ElasticsearchEnds
from connectors.kafka import KafkaEnds, events_source, read_properties
from connectors.topics import Topic
from jobs.settings import Settings
from jobs.wiring import values
from state.sql import statement


def kafka(job: str, settings: Settings) -> KafkaEnds:
    """Kafka as the settings say; the consumer group carries the job's name."""
    return KafkaEnds(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=f"{settings.kafka_group_id}-{job}",
        start_from=settings.start_from,
        bounded=settings.bounded,
        properties=read_properties(settings.kafka_properties_file),
    )


def elasticsearch(settings: Settings) -> ElasticsearchEnds:
    """Elasticsearch as the settings say."""
    return ElasticsearchEnds(
        url=settings.elasticsearch_url,
        api_key_file=settings.elasticsearch_api_key_file,
        ca_file=settings.elasticsearch_ca_file,
        timeout_ms=settings.elasticsearch_timeout_ms,
        retry_ms=settings.index_retry_ms,
    )


def events(ends: KafkaEnds, topic: Topic, settings: Settings) -> TableDescriptor:
    """The source of events over a topic, with its time attribute and watermark."""
    filled = values(settings)
    return events_source(
        ends, topic, statement("ingest/event_time", filled), statement("ingest/watermark", filled)
    )
