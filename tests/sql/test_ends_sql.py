"""INDEX and ARCHIVE: from the suite's documents or from the topics that hold them, the same is written."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from pathlib import Path

import orjson
import pytest
from pyflink.table import DataTypes, Schema, StreamTableEnvironment

from connectors.elasticsearch.indices import INDICES
from connectors.lake import reading as lake
from jobs import archive, index
from jobs.routes import TOPICS
from jobs.settings import Settings
from jobs.wiring import Inserts
from state.engine import Engine
from state.logic import Document
from state.options import Options
from tests import datasets
from tests.engine_runs import scorer, shipped
from tests.sql.tables import (
    NO_ELASTICSEARCH,
    Flink,
    b64,
    collect,
    file_ends,
    files,
    messages_of,
    stamp,
    write_rows,
)
from tests.words import event, t

INDEX_OF = {
    "session": "footfall-sessions",
    "signal": "footfall-signals",
    "alias": "footfall-aliases",
    "visitor": "footfall-visitors",
    "shadow": "footfall-shadow-scores",
}
SETTINGS = Settings(bounded=True, parallelism=1)
FROM = pytest.mark.parametrize("from_topics", [False, True], ids=["in the suite", "from topics"])


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """All that the engine says, valid events too; models say something else at each moment, some have a shadow."""
    datasets.require()
    real = (one | {"source": {}} for one in datasets.canonical_events("rees46_0000_0214"))
    guest = [
        event("d", "page_view", t(0)),
        event("d", "identify", t(1), user_id="u", order={"order_id": "o"}),
    ]
    messages = messages_of([orjson.dumps(one) for one in (*real, *guest)])
    engine = Engine(Options(bounded=True), shipped(), scorer())
    return engine.run([one.value for one in messages], 60_000, [one.position for one in messages]).documents


def tables(env: StreamTableEnvironment, folder: Path, documents: list[Document], stage: str) -> None:
    """Makes `documents`, as the suite has it or, with the name of a stage, as the stage reads it back from topics."""
    if not stage:
        rows = [{**one._asdict(), "body": b64(one.body), "ts": stamp(one.version)} for one in documents]
        write_rows(folder / "documents.jsonl", rows)
        env.create_temporary_table("documents", files(folder / "documents.jsonl", _schema()))
        return
    ends = file_ends(folder)
    for kind, topic in TOPICS.items():
        ends.fill(topic, [(one.key, one.body) for one in documents if one.kind == kind])
    {"index": index, "archive": archive}[stage].read_back(env, ends)


def _schema() -> Schema:
    builder = Schema.new_builder().column("kind", DataTypes.STRING()).column("key", DataTypes.STRING())
    builder = builder.column("id", DataTypes.STRING()).column("version", DataTypes.BIGINT())
    builder = builder.column("body", DataTypes.BYTES()).column("ts", DataTypes.TIMESTAMP_LTZ(3))
    return builder.watermark("ts", "ts").build()


def sorted_json(body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)


@FROM
def test_every_document_of_an_index_is_written(
    flink: Flink, documents: list[Document], from_topics: bool
) -> None:
    env, folder = flink.environment(SETTINGS), flink.new_folder()
    tables(env, folder, documents, "index" if from_topics else "")
    index.build(env, NO_ELASTICSEARCH, SETTINGS)
    rows = collect(env, {"index_writes": folder / "writes"})["index_writes"]
    found = Counter(
        (row["index_name"], row["id"], row["version"], sorted_json(b64decode(row["body"]))) for row in rows
    )
    wanted = Counter(
        (INDEX_OF[one.kind], one.id, one.version, sorted_json(one.body))
        for one in documents
        if one.kind in INDEX_OF
    )
    assert {alias for alias, *_ in wanted} == set(INDEX_OF.values()) <= {one.alias for one in INDICES}
    assert found - wanted == wanted - found == Counter()


@FROM
def test_the_lake_holds_events_sessions_and_signals(
    flink: Flink, documents: list[Document], from_topics: bool
) -> None:
    env, folder = flink.environment(SETTINGS), flink.new_folder()
    settings = SETTINGS.replace(archive_dir=str(folder / "lake"))
    tables(env, folder, documents, "archive" if from_topics else "")
    archive.build(env, settings)
    inserts = Inserts(env)
    archive.write(inserts, settings)
    inserts.submit()
    valid = {one.id: orjson.loads(one.body) for one in documents if one.kind == "valid"}
    for message in lake.messages(folder / "lake"):
        event_ = orjson.loads(message.value)
        document = valid.pop(event_["event_id"])
        assert document.pop("source")["timestamp_ms"] == message.timestamp_ms
        assert event_ == document
    assert valid == {}
    for kind, scan in (("session", lake.scan_sessions), ("signal", lake.scan_signals)):
        held = scan(folder / "lake").collect()["document"]
        assert Counter(held) == Counter(one.body.decode() for one in documents if one.kind == kind)


def test_a_version_may_be_written_with_a_fraction_of_zero(flink: Flink, documents: list[Document]) -> None:
    env, folder = flink.environment(SETTINGS), flink.new_folder()
    signal = next(one for one in documents if one.kind == "signal")
    body = orjson.dumps({**orjson.loads(signal.body), "version": float(signal.version)})
    tables(env, folder, [signal._replace(body=body)], "index")
    index.build(env, NO_ELASTICSEARCH, SETTINGS)
    (row,) = collect(env, {"index_writes": folder / "writes"})["index_writes"]
    assert (row["id"], row["version"]) == (signal.id, signal.version)
