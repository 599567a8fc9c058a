"""The SQL of all stages over a file of messages, in a Flink inside this process: no Kafka, no Elasticsearch.

The views are registered by the jobs' own wiring. The source is a file instead of a topic; it has the columns,
the JSON options, the time attribute and the watermark of the real one. Each event moves the watermark at once
(Flink does so when the interval of periodic watermarks is 0), and there is one task, so that lateness is a
matter of the order of the lines alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyflink
from pyflink.table import DataTypes, Schema, TableDescriptor, TableEnvironment
from pyflink.table.types import DataType, LocalZonedTimestampType

from connectors import kafka
from connectors.elasticsearch import ElasticsearchEnds
from connectors.messages import read_written
from jobs import suite, wiring
from jobs.settings import Settings
from stack.java import java_home
from state.sql import statement

Row = dict[str, Any]
NO_KAFKA = kafka.KafkaEnds(bootstrap_servers="127.0.0.1:1", group_id="nobody", bounded=True)
NO_ELASTICSEARCH = ElasticsearchEnds(url="http://127.0.0.1:1")
OPTIONS = {"pipeline.auto-watermark-interval": "0 ms", "table.dml-sync": "true"}


def prepare(logs: Path) -> None:
    """Tells PyFlink where Java is, before it starts a JVM in this process."""
    os.environ.setdefault("JAVA_HOME", str(java_home()))
    os.environ.setdefault("FLINK_CONF_DIR", str(Path(pyflink.__file__).with_name("conf")))
    os.environ.setdefault("FLINK_LOG_DIR", str(logs))


def environment(settings: Settings, options: Mapping[str, str] = OPTIONS) -> TableEnvironment:
    """The jobs' own environment, with further options of Flink."""
    env = wiring.environment("local", settings)
    for key, value in options.items():
        env.get_config().set(key, value)
    return env


def run(messages: Path, folder: Path, views: Iterable[str], settings: Settings) -> dict[str, list[Row]]:
    """The rows of each view when the messages came in this order and then time ended.

    Args:
        messages: a file, a message a line.
        folder: an empty one, for what is written.
        views: names of views of the suite.
        settings: bounded, of parallelism 1.
    """
    env = environment(settings)
    env.create_temporary_table("events_json", events_file(messages, settings))
    suite.build(env, NO_KAFKA, NO_ELASTICSEARCH, settings)
    return collect(env, {view: folder / view for view in views})


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
    reader = {key.removeprefix("value."): value for key, value in kafka.EVENT_OPTIONS.items()}
    return files(path, builder.build(), {**reader, **options})


def files(path: Path, schema: Schema, options: Mapping[str, str]) -> TableDescriptor:
    """A table over a file or a folder of files."""
    builder = TableDescriptor.for_connector("filesystem").schema(schema).option("path", path.as_uri())
    for key, value in {**options, "json.timestamp-format.standard": "ISO-8601"}.items():
        builder = builder.option(key, value)
    return builder.build()


def collect(env: TableEnvironment, folders: Mapping[str, Path]) -> dict[str, list[Row]]:
    """Runs to the end; the rows of each view."""
    inserts = wiring.Inserts(env)
    if {"signal_documents", "rule_matches"} & set(folders):
        wiring.pin(env, inserts, "sessions")
    if any(view.startswith("score") for view in folders):
        wiring.pin(env, inserts, "feature_documents")
    for view, folder in folders.items():
        into = files(folder, columns(env, view), {"format": "json"})
        inserts.into(f"{view}_out", into, f"SELECT * FROM {view}")  # noqa: S608 - name of a view
    inserts.submit()
    return {view: list(rows(folder)) for view, folder in folders.items()}


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


def rows(folder: Path) -> Iterable[Row]:
    """What was written to a folder."""
    for path in sorted(folder.glob("part-*")):
        yield from map(read_written, path.read_bytes().splitlines())
