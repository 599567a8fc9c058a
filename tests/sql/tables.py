"""Tables in, tables out: the SQL of all stages over messages from a file, without Kafka and Elasticsearch.

The views are registered by the jobs' own wiring. The source is a file instead of a topic; it has the
columns, the JSON options, the time attribute and the watermark of the real one. Every event moves the
watermark at once (Flink does so when the interval of periodic watermarks is 0), and there is one task, so
that lateness is a matter of the order of the lines alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from pyflink.table import DataTypes, Schema, TableDescriptor, TableEnvironment
from pyflink.table.types import DataType, LocalZonedTimestampType

from connectors import kafka
from connectors.elasticsearch import ElasticsearchEnds
from jobs import suite, wiring
from jobs.settings import Settings
from state.sql import statement

Row = dict[str, Any]
NO_KAFKA = kafka.KafkaEnds(bootstrap_servers="127.0.0.1:1", group_id="nobody", bounded=True)
NO_ELASTICSEARCH = ElasticsearchEnds(url="http://127.0.0.1:1")
_OPTIONS = {"pipeline.auto-watermark-interval": "0 ms", "table.dml-sync": "true"}


class Flink:
    """Runs statements in the level's JVM; each run is a job of its own with files of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0

    def run(self, messages: Iterable[str], views: Iterable[str], **settings: Any) -> dict[str, list[Row]]:
        """The rows of each view when the messages came in this order and then time ended."""
        chosen = Settings({"bounded": True, "parallelism": 1, **settings})
        env, folder = self.environment(chosen), self.new_folder()
        source = folder / "messages.jsonl"
        source.write_text("".join(f"{message}\n" for message in messages), encoding="utf-8")
        env.create_temporary_table("events_json", events_file(source, chosen))
        suite.build(env, NO_KAFKA, NO_ELASTICSEARCH, chosen)
        return _collect(env, {view: folder / view for view in views})

    def environment(self, settings: Settings, options: Mapping[str, str] = _OPTIONS) -> TableEnvironment:
        """The jobs' own environment, with further options of Flink."""
        env = wiring.environment("test", settings)
        for key, value in options.items():
            env.get_config().set(key, value)
        return env

    def new_folder(self) -> Path:
        """An empty folder."""
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        folder.mkdir()
        return folder


def events_file(path: Path, settings: Settings, **options: str) -> TableDescriptor:
    """`events_json` over a file or a folder of JSON lines instead of a topic."""
    builder = Schema.new_builder()
    for name in kafka.EVENT_COLUMNS:
        builder = builder.column(name, DataTypes.STRING())
    builder = builder.column("numbers_stay_exact", DataTypes.DECIMAL(1, 0))
    for name, (_, kind) in kafka.SOURCE_COLUMNS.items():
        builder = builder.column(name, kind)
    filled = wiring.values(settings)
    builder = builder.column_by_expression("ts", statement("ingest/event_time", filled))
    builder = builder.watermark("ts", statement("ingest/watermark", filled))
    reader = {key.removeprefix("value."): value for key, value in kafka._EVENT_OPTIONS.items()}
    return _files(path, builder.build(), {**reader, **options})


def _files(path: Path, schema: Schema, options: Mapping[str, str]) -> TableDescriptor:
    builder = TableDescriptor.for_connector("filesystem").schema(schema).option("path", path.as_uri())
    for key, value in {**options, "json.timestamp-format.standard": "ISO-8601"}.items():
        builder = builder.option(key, value)
    return builder.build()


def _collect(env: TableEnvironment, folders: Mapping[str, Path]) -> dict[str, list[Row]]:
    inserts = wiring.Inserts(env)
    for view, folder in folders.items():
        inserts.into(
            f"{view}_out", _files(folder, columns(env, view), {"format": "json"}), f"SELECT * FROM {view}"
        )
    inserts.submit()
    return {view: list(_rows(folder)) for view, folder in folders.items()}


def columns(env: TableEnvironment, view: str) -> Schema:
    """The view's columns, as a sink takes them."""
    schema = env.from_path(view).get_resolved_schema()
    builder = Schema.new_builder()
    for name, kind in zip(schema.get_column_names(), schema.get_column_data_types(), strict=True):
        builder = builder.column(name, _plain(kind))
    return builder.build()


def _plain(kind: DataType) -> DataType:
    """PyFlink reports every time with microseconds, which a sink does not accept from a time attribute."""
    return DataTypes.TIMESTAMP_LTZ(3) if isinstance(kind, LocalZonedTimestampType) else kind


def _rows(folder: Path) -> Iterable[Row]:
    for path in sorted(folder.glob("part-*")):
        yield from map(orjson.loads, path.read_bytes().splitlines())
