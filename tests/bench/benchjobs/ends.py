"""Ends that only the benchmark has: sinks that forget, the topics of the naive job and of the scoring one."""

from __future__ import annotations

from collections.abc import Mapping

from pyflink.table import DataTypes, Schema, TableDescriptor
from pyflink.table.types import DataType

from connectors.topics import DAY_MS, Topic

SLICE = Topic(
    name="bench.slice",
    key="visitor_id",
    value="event/1",
    partitions=4,
    cleanup="delete",
    retention_ms=DAY_MS,
    writers=("bench",),
    readers=("naive",),
)
NAIVE = Topic(
    name="bench.naive",
    key="visitor_id",
    value="cart, when it was abandoned; or session, its start, end and number of events",
    partitions=1,
    cleanup="delete",
    retention_ms=DAY_MS,
    writers=("naive",),
    readers=("bench",),
)

ROWS = Topic(
    name="bench.rows",
    key="visitor_id",
    value="features/1",
    partitions=4,
    cleanup="delete",
    retention_ms=DAY_MS,
    writers=("bench",),
    readers=("score_rows",),
)


def columns(kinds: Mapping[str, DataType]) -> Schema.Builder:
    """A schema of the columns, to be added to."""
    builder = Schema.new_builder()
    for name, kind in kinds.items():
        builder = builder.column(name, kind)
    return builder


def blackhole(**kinds: DataType) -> TableDescriptor:
    """A sink of the columns that counts its rows and forgets them."""
    return TableDescriptor.for_connector("blackhole").schema(columns(kinds).build()).build()


STRING, BIGINT = DataTypes.STRING(), DataTypes.BIGINT()
