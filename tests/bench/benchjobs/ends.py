"""A sink that only the benchmarks have: it counts its rows and forgets them."""

from __future__ import annotations

from pyflink.table import DataTypes, Schema, TableDescriptor
from pyflink.table.types import DataType

STRING, BIGINT, BYTES = DataTypes.STRING(), DataTypes.BIGINT(), DataTypes.BYTES()


def columns(**kinds: DataType) -> Schema.Builder:
    """A schema of the columns, to be added to."""
    builder = Schema.new_builder()
    for name, kind in kinds.items():
        builder = builder.column(name, kind)
    return builder


def blackhole(**kinds: DataType) -> TableDescriptor:
    """The sink, with these columns."""
    return TableDescriptor.for_connector("blackhole").schema(columns(**kinds).build()).build()
