"""The names of the suite's operators that keep state, and a savepoint that outlives a change of the job."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from py4j.protocol import Py4JJavaError
from pyflink.common import JobClient
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment

from connectors.contracts import topics
from jobs import archive, index, ledger, read, routes, suite, wiring
from jobs.settings import Settings
from tests.sql.tables import (
    NO_ELASTICSEARCH,
    NO_KAFKA,
    Flink,
    columns,
    document_of,
    files,
    messages_file,
    messages_of,
    messages_table,
    rows,
)
from tests.words import event, t

# A savepoint finds its state by these: a change here makes every savepoint that exists unusable.
GOLDEN = (Path(__file__).parent / "stateful_uids.txt").read_text(encoding="utf-8").splitlines()
STATELESS = re.compile(
    r"None|\w*-?\d+_(calc|correlate|external-datastream|constraint-validator|python-calc|partition-committer|"
    r"discarding-sink)|Sink Committer: .*"
)


def begin(env: StreamTableEnvironment) -> None:
    """Numbers operators from 1 again, as in the fresh JVM that each submission has."""
    loader = env._j_tenv.getPlanner().getClass().getClassLoader()
    context = loader.loadClass("org.apache.flink.table.planner.plan.nodes.exec.ExecNodeContext")
    none = get_gateway().new_array(get_gateway().jvm.Object, 0)
    context.getMethod("resetIdCounter", get_gateway().new_array(get_gateway().jvm.Class, 0)).invoke(
        None, none
    )


def stateful(flink: Flink, **changes: Any) -> list[str]:
    """The uids that the suite would be submitted with, without those of operators that keep nothing."""
    settings = Settings.of(changes)
    env = flink.environment(settings)
    begin(env)
    env.create_temporary_table("messages", read.source(NO_KAFKA, topics.EVENTS_RAW, settings))
    suite.build(env, NO_ELASTICSEARCH, settings)
    inserts = wiring.Inserts(env)
    routes.write(env, inserts, NO_KAFKA, routes.OF_THE_SUITE)
    ledger.write(env, inserts, NO_KAFKA, settings)
    index.write(inserts, NO_KAFKA)
    archive.write(inserts, settings)
    inserts._set.attach_as_datastream()
    graph = env._j_tenv.execEnv().getStreamGraph(False)
    found = [str(node.getTransformationUID()) for node in graph.getStreamNodes().toArray()]
    return sorted(uid for uid in found if not STATELESS.fullmatch(uid))


@pytest.mark.parametrize(
    "changes",
    [{}, {"scoring": False}, {"parallelism": 4, "slice_ms": 1_000}, {"bounded": True, "pseudonymise": True}],
    ids=str,
)
def test_what_keeps_state_has_the_committed_names(flink: Flink, changes: dict[str, Any]) -> None:
    assert stateful(flink, **changes) == GOLDEN


def test_a_lake_adds_its_writers_and_changes_no_name(flink: Flink, tmp_path: Path) -> None:
    found = stateful(flink, archive_dir=str(tmp_path))
    assert set(GOLDEN) <= set(found)
    assert [re.sub(r"\d+", "", uid) for uid in found if uid not in GOLDEN] == ["_streaming-writer"] * 3


STORY = [
    event("anna", "page_view", t(0)),
    event("anna", "page_view", t(1)),
    event("clock", "page_view", t(2)),  # its slice is still open
]


def test_a_savepoint_outlives_another_sink_and_other_workers(flink: Flink) -> None:
    folder = flink.new_folder()
    story = folder / "messages" / "story.jsonl"
    story.parent.mkdir()
    messages_file(messages_of([orjson.dumps(one) for one in STORY]), story, Settings())
    savepoint = run(flink, folder, ["documents", "verdicts"], {}, parallelism=1)
    story.unlink()  # it was read: from here on a session can only come from the state
    more = ["documents", "verdicts", "device_counts"]
    run(flink, folder, more, {"execution.state-recovery.path": savepoint}, parallelism=2)
    found = [document_of(row) for row in rows(folder / "documents")]
    sessions = [json.loads(one.body) for one in found if one.kind == "session"]
    assert sorted((one["visitor_id"], one["events"]) for one in sessions) == [("anna", 2), ("clock", 1)]


def run(flink: Flink, folder: Path, views: list[str], options: dict[str, str], parallelism: int) -> str:
    """Runs the suite until the story is read or, restored, to the end of time; the savepoint's place."""
    settings = Settings(parallelism=parallelism, scoring=False)
    env = flink.environment(settings, {"pipeline.auto-watermark-interval": "0 ms", **options})
    begin(env)
    table = messages_table(folder / "messages", settings, **{"source.monitor-interval": "1 s"})
    env.create_temporary_table("messages", table)
    suite.build(env, NO_ELASTICSEARCH, settings)
    inserts = wiring.Inserts(env)
    for view in views:
        inserts.into(f"{view}_out", files(folder / view, columns(env, view)), f"SELECT * FROM {view}")  # noqa: S608
    job = inserts._set.execute().get_job_client()
    if not options:
        wait_for_rows(folder / "verdicts")
    return stop(job, folder / "savepoints", drain=bool(options))


def stop(job: JobClient, savepoints: Path, drain: bool) -> str:
    """As soon as every task runs; PyFlink's own stop_with_savepoint calls what Flink no longer has."""
    canonical = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType.CANONICAL
    deadline = time.monotonic() + 60
    while True:
        try:
            return str(job._j_job_client.stopWithSavepoint(drain, savepoints.as_uri(), canonical).get())
        except Py4JJavaError as error:
            if "Not all required tasks" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def wait_for_rows(written: Path) -> None:
    """A sink opens its file with the first row; the rest of the same message file is then read, too."""
    deadline = time.monotonic() + 60
    while not any(written.glob(".*inprogress*")):
        assert time.monotonic() < deadline, "no row came within a minute"
        time.sleep(0.1)
    time.sleep(2)
