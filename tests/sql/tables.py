"""Messages in, documents and counts out: the jobs' own stages over a file instead of a topic, in this process.

The file has what the topic has: bytes, and where and when they came in. The time attribute and its watermark are the
jobs' own statements. Each message moves the watermark at once (Flink does so when the interval of periodic watermarks is
0), so that what is late is a matter of the order of the messages alone.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pyflink.table import DataTypes, Schema, StreamTableEnvironment, TableDescriptor
from pyflink.table.types import DataType, LocalZonedTimestampType

from connectors.contracts.topics import Topic
from connectors.elasticsearch.ends import ElasticsearchEnds
from jobs import kafka_tables as kafka
from jobs import ledger, suite, wiring
from jobs.settings import Settings
from jobs.statements import statement
from state.logic import Document, SourcePosition

Row = dict[str, Any]
RAW_TOPIC = "footfall.events.raw"
NO_KAFKA = kafka.KafkaTables(bootstrap_servers="127.0.0.1:1", group_id="nobody")
NO_ELASTICSEARCH = ElasticsearchEnds(url="http://127.0.0.1:1")
OPTIONS = {"pipeline.auto-watermark-interval": "0 ms", "table.dml-sync": "true"}


@dataclass(frozen=True)
class FileEnds(kafka.KafkaTables):
    """Topics as files of a folder."""

    folder: Path = Path()

    def source(self, topic: Topic, schema: Schema, options: Mapping[str, str]) -> TableDescriptor:
        """A table of the topic's columns over its file."""
        return files(self.folder / topic.name, schema)

    def fill(self, topic: Topic, records: Iterable[tuple[str, bytes]]) -> None:
        """Writes the file of a topic of documents."""
        rows = ({"record_key": key, "record_value": b64(value)} for key, value in records)
        write_rows(self.folder / topic.name, rows)


def file_ends(folder: Path) -> FileEnds:
    """Topics in a folder."""
    return FileEnds(bootstrap_servers="", group_id="", bounded=True, folder=folder)


class Message(NamedTuple):
    """A record of the raw topic."""

    value: bytes | None
    position: SourcePosition


@dataclass(frozen=True)
class Answers:
    """What a run brought forth.

    Attributes:
        documents: of every kind, in no order.
        verdicts: what DEVICES and VISITORS counted; ledger: the entries made of it.
    """

    documents: list[Document]
    verdicts: list[Row]
    ledger: list[Row]


class Flink:
    """Runs jobs in the level's JVM; each run is a job of its own with files of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0

    def new_folder(self) -> Path:
        """An empty folder."""
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        folder.mkdir()
        return folder

    def environment(self, settings: Settings, options: Mapping[str, str] = OPTIONS) -> StreamTableEnvironment:
        """The jobs' own environment, with further options of Flink."""
        env = wiring.environment("local", settings)
        for key, value in options.items():
            env.get_config().set(key, value)
        return env

    def suite(self, messages: Iterable[Message], **settings: Any) -> Answers:
        """What the suite makes of the messages when they came in this order and then time ended.

        No model scores unless the settings say so; nothing reaches an index.
        """
        chosen = Settings.of({"bounded": True, "parallelism": 1, "scoring": False, **settings})
        env, folder = self.environment(chosen), self.new_folder()
        env.create_temporary_table("messages", messages_file(messages, folder / "messages.jsonl", chosen))
        suite.build(env, NO_ELASTICSEARCH, chosen)
        wiring.add_views(env, ledger.VIEWS, chosen)
        rows = collect(env, {view: folder / view for view in ("documents", "verdicts", "ledger")})
        return Answers([document_of(row) for row in rows["documents"]], rows["verdicts"], rows["ledger"])


def document_of(row: Row) -> Document:
    """A row of the view `documents`."""
    return Document(row["kind"], row["key"], row["id"], row["version"], b64decode(row["body"]))


def messages_file(messages: Iterable[Message], path: Path, settings: Settings) -> TableDescriptor:
    """`messages` over a file that is written here."""
    write_rows(path, map(_line, messages))
    return messages_table(path, settings)


def messages_table(path: Path, settings: Settings, **options: str) -> TableDescriptor:
    """`messages` over a file or a folder of files."""
    builder = Schema.new_builder().column("payload", DataTypes.BYTES())
    for name, (_, kind) in kafka.SOURCE_COLUMNS.items():
        builder = builder.column(name, kind)
    filled = wiring.values(settings)
    builder = builder.column_by_expression("ts", statement("read/event_time", filled))
    builder = builder.watermark("ts", statement("read/watermark", filled))
    return files(path, builder.build(), **options)


def _line(message: Message) -> Row:
    topic, partition, offset, timestamp_ms = message.position
    return {
        "payload": None if message.value is None else b64(message.value),
        "source_topic": topic,
        "source_partition": partition,
        "source_offset": offset,
        "source_timestamp": stamp(timestamp_ms),
    }


def b64(value: bytes) -> str:
    """Bytes as files of JSON have them."""
    return b64encode(value).decode()


def stamp(at_ms: int) -> str:
    """Epoch milliseconds as files of JSON have them."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """A file of JSON lines."""
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def files(path: Path, schema: Schema, **options: str) -> TableDescriptor:
    """A table over a file or a folder of JSON lines."""
    builder = TableDescriptor.for_connector("filesystem").schema(schema).option("path", path.as_uri())
    for key, value in options.items():
        builder = builder.option(key, value)
    return builder.option("format", "json").option("json.timestamp-format.standard", "ISO-8601").build()


def collect(env: StreamTableEnvironment, folders: Mapping[str, Path]) -> dict[str, list[Row]]:
    """Runs to the end; the rows of each view."""
    inserts = wiring.Inserts(env)
    for view, folder in folders.items():
        inserts.into(f"{view}_out", files(folder, columns(env, view)), f"SELECT * FROM {view}")  # noqa: S608
    inserts.submit()
    return {view: list(rows(folder)) for view, folder in folders.items()}


def columns(env: StreamTableEnvironment, view: str) -> Schema:
    """The view's columns, as a sink takes them."""
    schema = env.from_path(view).get_resolved_schema()
    builder = Schema.new_builder()
    for name, kind in zip(schema.get_column_names(), schema.get_column_data_types(), strict=True):
        builder = builder.column(name, _plain(kind))
    return builder.build()


def _plain(kind: DataType) -> DataType:
    """PyFlink reports every time with microseconds, which a sink does not accept from a time attribute."""
    return DataTypes.TIMESTAMP_LTZ(3) if isinstance(kind, LocalZonedTimestampType) else kind


def rows(folder: Path) -> Iterable[Row]:
    """What was written to a folder."""
    for path in sorted(folder.glob("part-*")):
        yield from map(orjson.loads, path.read_bytes().splitlines())


def messages_of(values: Sequence[bytes], partition: int = 0) -> list[Message]:
    """Values as messages that lie one behind the other in a partition; they came in when they say."""
    return [
        Message(value, SourcePosition(RAW_TOPIC, partition, offset, _received(value)))
        for offset, value in enumerate(values)
    ]


def _received(value: bytes) -> int:
    event = orjson.loads(value)
    return int(event.get("received_at_ms", event["event_time_ms"]))
