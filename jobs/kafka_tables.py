"""Source and sink tables over the topics of `connectors/contracts/topics.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyflink.table import DataTypes, Schema, TableDescriptor

from connectors.contracts.topics import MAX_DOCUMENT_BYTES, Topic
from connectors.kafka.ends import KafkaEnds, meant_for

SOURCE_COLUMNS = {
    "source_topic": ("topic", DataTypes.STRING()),
    "source_partition": ("partition", DataTypes.INT()),
    "source_offset": ("offset", DataTypes.BIGINT()),
    "source_timestamp": ("timestamp", DataTypes.TIMESTAMP_LTZ(3).not_null()),
}


@dataclass(frozen=True)
class KafkaTables(KafkaEnds):
    """Kafka's topics as tables of Flink."""

    def source(self, topic: Topic, schema: Schema, options: Mapping[str, str]) -> TableDescriptor:
        """A table that reads the topic; `options` name the value format."""
        scan = {
            "properties.group.id": self.group_id,
            "scan.startup.mode": f"{self.start_from}-offset",
            "scan.topic-partition-discovery.interval": "60 s",
            # What a producer took back never happened.
            "properties.isolation.level": "read_committed",
        }
        if topic.read_with:
            scan["topic"] = ";".join((topic.name, *topic.read_with))
        if self.bounded:
            scan["scan.bounded.mode"] = "latest-offset"
        return self._descriptor(topic, schema, {**scan, **options})

    def sink(self, topic: Topic, schema: Schema, options: Mapping[str, str]) -> TableDescriptor:
        """A table that appends to the topic, at least once unless the options say otherwise."""
        fixed = {
            **batching(self.properties),
            "sink.delivery-guarantee": "at-least-once",
            # A client refuses more than a million bytes unless told; the topic's own bound is what counts.
            "properties.max.request.size": str(topic.max_message_bytes),
        }
        return self._descriptor(topic, schema, {**fixed, **options})

    def text_sink(self, topic: Topic, transactions: str | None = None) -> TableDescriptor:
        """A sink of two columns, record_key and record_value, both written as the text they are.

        Args:
            topic: where to.
            transactions: prefix of the transactions' ids, of this sink alone: then rows are written exactly
                once and readers of committed messages see them at the next checkpoint.
        """
        schema = (
            Schema.new_builder()
            .column("record_key", DataTypes.STRING())
            .column("record_value", DataTypes.STRING())
            .build()
        )
        return self.sink(topic, schema, {**_TEXT_OPTIONS, **_transactional(transactions)})

    def stamped_sink(self, topic: Topic) -> TableDescriptor:
        """A sink of record_key, record_value and the time that the record is to carry."""
        schema = (
            Schema.new_builder()
            .column("record_key", DataTypes.STRING())
            .column("record_value", DataTypes.STRING())
            .column_by_metadata("record_timestamp", DataTypes.TIMESTAMP_LTZ(3), "timestamp")
            .build()
        )
        return self.sink(topic, schema, _TEXT_OPTIONS)

    def document_sink(self, names: Iterable[str]) -> TableDescriptor:
        """A sink of record_key, record_value as the bytes that it is, and topic, one of `names`."""
        schema = (
            Schema.new_builder()
            .column("record_key", DataTypes.STRING())
            .column("record_value", DataTypes.BYTES())
            .column_by_metadata("topic", DataTypes.STRING(), "topic")
            .build()
        )
        options = {
            **batching(self.properties),
            "sink.delivery-guarantee": "at-least-once",
            "properties.max.request.size": str(MAX_DOCUMENT_BYTES),
            "topic": ";".join(names),
        }
        return self._descriptor(None, schema, {**_TEXT_OPTIONS, **options})

    def messages_source(
        self, topic: Topic, event_time: str, watermark: str, parallelism: int = 0
    ) -> TableDescriptor:
        """A source of every message as the bytes it is: payload, its position, the time attribute ts.

        Args:
            topic: what is read, with what is read with it.
            event_time: an expression over payload.
            watermark: an expression over ts and source_timestamp.
            parallelism: readers; 0 leaves it to the job's parallelism.
        """
        builder = Schema.new_builder().column("payload", DataTypes.BYTES())
        builder = _with_positions(builder).column_by_expression("ts", event_time).watermark("ts", watermark)
        options = {"value.format": "raw"}
        if parallelism:
            options["scan.parallelism"] = str(parallelism)
        return self.source(topic, builder.build(), options)

    def document_source(
        self, topic: Topic, time: str = "version", *, holds_time: bool = True
    ) -> TableDescriptor:
        """A source of documents: record_key, record_value, and the time attribute ts.

        Args:
            topic: what is read.
            time: the member of the documents, epoch milliseconds of event time, that moves event time on.
            holds_time: False where another source says how far event time is, and this one is behind it.
        """
        schema = (
            Schema.new_builder()
            .column("record_key", DataTypes.STRING())
            .column("record_value", DataTypes.BYTES())
            .column_by_expression("ts", _document_time(time))
            .watermark("ts", "ts" if holds_time else _FAR_AHEAD)
            .build()
        )
        return self.source(topic, schema, _TEXT_OPTIONS)

    def text_source(self, topic: Topic) -> TableDescriptor:
        """A source of record_key and record_value, both as text."""
        schema = (
            Schema.new_builder()
            .column("record_key", DataTypes.STRING())
            .column("record_value", DataTypes.STRING())
            .build()
        )
        return self.source(topic, schema, _TEXT_OPTIONS)

    def message_source(self, topic: Topic) -> TableDescriptor:
        """A source of every message, whatever is in it: record_value as text; where and when it came in."""
        builder = _with_positions(Schema.new_builder().column("record_value", DataTypes.STRING()))
        return self.source(topic, builder.build(), {"value.format": "raw"})

    def changelog_sink(self, topic: Topic) -> TableDescriptor:
        """A text sink whose newest record of a key is what counts; a key that is gone gets an empty one."""
        builder = Schema.new_builder().column("record_key", DataTypes.STRING().not_null())
        builder = builder.column("record_value", DataTypes.STRING()).primary_key("record_key")
        options = {**batching(self.properties), **_CHANGELOG_OPTIONS}
        return self._descriptor(topic, builder.build(), options, connector="upsert-kafka")

    def _descriptor(
        self, topic: Topic | None, schema: Schema, options: Mapping[str, str], connector: str = "kafka"
    ) -> TableDescriptor:
        builder = TableDescriptor.for_connector(connector).schema(schema)
        named = {"topic": topic.name} if topic else {}
        common = {**named, "properties.bootstrap.servers": self.bootstrap_servers}
        clients = {f"properties.{name}": value for name, value in meant_for("flink", self.properties).items()}
        for name, value in {**common, **clients, **options}.items():
            builder = builder.option(name, value)
        return builder.build()


# Kafka's own 16 KB are a dozen documents of features: a thousand requests a second, each a cost here and at
# the broker. Documents repeat their names: what is compressed is a fraction on the way and on the disk.
_BATCHING = {"batch.size": "131072", "compression.type": "lz4"}
_FAR_AHEAD = "ts + INTERVAL '99' YEAR"
_TEXT_OPTIONS = {
    "key.format": "raw",
    "key.fields": "record_key",
    "value.format": "raw",
    "value.fields-include": "EXCEPT_KEY",
}
_CHANGELOG_OPTIONS = {
    "key.format": "raw",
    "value.format": "raw",
    "value.fields-include": "EXCEPT_KEY",
}


def _document_time(member: str) -> str:
    text = f"JSON_VALUE(CAST(record_value AS STRING), '$.{member}')"
    return f"TO_TIMESTAMP_LTZ(COALESCE(CAST({text} AS BIGINT), 0), 3)"


def _transactional(prefix: str | None) -> dict[str, str]:
    if prefix is None:
        return {}
    return {
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": prefix,
        # A transaction that is older is aborted and its rows are lost: a restart must be quicker than this.
        # The broker allows no more (transaction.max.timeout.ms) unless told so.
        "properties.transaction.timeout.ms": "900000",
    }


def _with_positions(builder: Schema.Builder) -> Schema.Builder:
    for name, (key, kind) in SOURCE_COLUMNS.items():
        builder = builder.column_by_metadata(name, kind, key, is_virtual=True)
    return builder


def foreign_source(ends: KafkaTables, topic: Topic) -> TableDescriptor:
    """Messages of any kind as the bytes they are, with headers and position."""
    builder = Schema.new_builder().column("payload", DataTypes.BYTES())
    headers = DataTypes.MAP(DataTypes.STRING().not_null(), DataTypes.BYTES())
    builder = _with_positions(builder.column_by_metadata("headers", headers, "headers", is_virtual=True))
    return ends.source(topic, builder.build(), {"value.format": "raw"})


def batching(properties: Mapping[str, str]) -> dict[str, str]:
    """Options of a sink: how its producer sends, where the client properties do not say.

    >>> batching({"flink.compression.type": "zstd"})
    {'properties.batch.size': '131072'}
    """
    given = meant_for("flink", properties)
    return {f"properties.{name}": value for name, value in _BATCHING.items() if name not in given}
