"""The ends that a job's `main` picks from the settings; tests pick others."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pyflink.table import DataTypes, Schema, TableDescriptor

from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.kafka.ends import read_properties
from connectors.lake.tables import PARTITIONS, LakeTable
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings


def kafka(job: str, settings: Settings) -> KafkaTables:
    """Kafka as the settings say; the consumer group carries the job's name."""
    return KafkaTables(
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


_LAKE_KINDS = {"string": DataTypes.STRING(), "int": DataTypes.INT(), "long": DataTypes.BIGINT()}
# A file is shown with the checkpoint that covers it; an hour gets _SUCCESS when the watermark has passed it.
# Every hour that events fall into between two checkpoints has a file open, each with a buffer of a page and,
# with dictionaries, 16 KB a column: with the defaults a replay over months fills a heap. The merge has those.
_LAKE_OPTIONS = {
    "format": "parquet",
    "parquet.compression": "ZSTD",
    "parquet.page.size": "32768",
    "parquet.enable.dictionary": "false",
    "sink.partition-commit.trigger": "partition-time",
    "sink.partition-commit.delay": "1 h",
    "sink.partition-commit.watermark-time-zone": "UTC",
    "partition.time-extractor.timestamp-pattern": "$day $hour:00:00",
    "sink.partition-commit.policy.kind": "success-file",
}


def lake(table: LakeTable, archive_dir: str) -> TableDescriptor:
    """A sink of a table of the lake: its columns, then the day and hour that name the folder."""
    builder = Schema.new_builder()
    for name, kind in table.columns.items():
        builder = builder.column(name, _LAKE_KINDS[kind])
    for name in PARTITIONS:
        builder = builder.column(name, DataTypes.STRING())
    sink = TableDescriptor.for_connector("filesystem").schema(builder.build()).partitioned_by(*PARTITIONS)
    for name, value in {"path": f"{lake_uri(archive_dir)}/{table.name}", **_LAKE_OPTIONS}.items():
        sink = sink.option(name, value)
    return sink.build()


def lake_uri(archive_dir: str) -> str:
    """The lake's folder as Flink takes it: an address as it is, a path of this machine as file://.

    >>> lake_uri("s3://bucket/lake/")
    's3://bucket/lake'
    """
    if urlsplit(archive_dir).scheme:
        return archive_dir.rstrip("/")
    return Path(archive_dir).absolute().as_uri()
