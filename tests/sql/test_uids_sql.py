"""The names of operators in the plans of the real jobs, and a savepoint that outlives a change of the job."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyflink.common import JobClient
from pyflink.java_gateway import get_gateway
from pyflink.table import CompiledPlan, TableEnvironment

from cli import local_flink
from connectors import topics
from connectors.kafka import KafkaEnds
from jobs import ends, suite, wiring
from jobs.settings import Settings
from stack import jars
from state import uids
from tests.sql.tables import NO_ELASTICSEARCH, NO_KAFKA, Flink
from tests.sql.vocabulary import CARTS, page, placed, t

KAFKA = KafkaEnds(bootstrap_servers="127.0.0.1:1", group_id="nobody")
# A savepoint finds its state by these: a change here makes every savepoint that exists unusable.
SUITE = {
    "read-events_json_kafka",
    "ingest-last-offsets_over-aggregate",
    "ingest-event-ids_over-aggregate",
    "ingest-device-order_window-rank",
    "ingest-device-words_over-aggregate",
    "ingest-device-rates_over-aggregate",
    "ingest-visitor-order_window-rank",
    "ingest-visitor-words_over-aggregate",
    "ingest-device-users_over-aggregate",
    "ingest-merges_over-aggregate",
    "ingest-last-throttles_over-aggregate",
    "ingest-ledger_local-window-aggregate",
    "ingest-ledger_global-window-aggregate",
    "sessions-last-events_over-aggregate",
    "sessions-unbroken_over-aggregate",
    "sessions-began_over-aggregate",
    "sessions-open_window-aggregate",
    "features-sessions_over-aggregate",
    "features-ended_window-aggregate",
    "features-visitors_local-window-aggregate",
    "features-visitors_global-window-aggregate",
    "scoring-raised_over-aggregate",
    "scoring-visitors_local-window-aggregate",
    "scoring-visitors_global-window-aggregate",
    "scoring-last-scores_over-aggregate",
    "patterns-counts_over-aggregate",
    "patterns-distinct_over-aggregate",
    "patterns-bursts-1_over-aggregate",
    "patterns-bursts-3_over-aggregate",
    "patterns-first-hits_over-aggregate",
    "patterns-deviations-2_over-aggregate",
    "patterns-waits-10-min_window-aggregate",
    "patterns-waits-30-min_window-aggregate",
    "patterns-answers_over-aggregate",
    "patterns-answered-waits_join",
    "patterns-sequence-events-3-86400000_over-aggregate",
    "patterns-sequences-3-86400000_match",
    "patterns-sequences-3-86400000_timestamp-inserter",
    "write-late_topic_sink",
    "write-rejected_topic_sink",
    "write-ledger_topic_sink",
    "write-aliases_topic_sink",
    "write-features_topic_sink",
    "write-ended_topic_sink",
    "write-scores_topic_sink",
    "write-signals_topic_sink",
    "write-index_failures_topic_sink",
}


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    """Drops the many handles to Java objects here, not in the middle of whatever Python does next."""
    yield
    gc.collect()


@pytest.fixture
def env(flink: Flink) -> TableEnvironment:
    """The suite's views over Kafka tables; nothing connects while a plan is made."""
    settings = Settings()
    connector = ",".join(jar.as_uri() for jar in jars.fetch("flink"))
    env = flink.environment(settings, {"pipeline.jars": connector})
    env.create_temporary_table("events_json", ends.events(KAFKA, topics.EVENTS_RAW, settings))
    suite.build(env, KAFKA, NO_ELASTICSEARCH, settings)
    return env


def kept_for(plan: dict[str, Any], name: str) -> set[str]:
    """How long the operators of this name keep what nobody uses, for each of their inputs."""
    prefix = f"{name}_<transformation>"
    named = [node for node in plan["nodes"] if node.get("configuration", {}).get(uids.UID_FORMAT) == prefix]
    return {state["ttl"] for node in named for state in node["state"]}


def submitted_uids(env: TableEnvironment, named: CompiledPlan) -> set[str]:
    """The uids that Flink would run with, without those of stateless operators, which start with a number."""
    found, waiting = {}, _transformations(env, named)
    while waiting:
        step = waiting.pop()
        if step.getId() not in found:
            found[step.getId()] = step.getUid()
            waiting.extend(step.getInputs())
    return {uid for uid in found.values() if uid and not uid[0].isdigit()}


def _transformations(env: TableEnvironment, named: CompiledPlan) -> list[Any]:
    plan = named._j_compiled_plan.unwrap()
    return list(env._j_tenv.getPlanner().translatePlan(plan))


def test_the_suite_runs_with_the_committed_names(env: TableEnvironment) -> None:
    inserts = wiring.Inserts(env)
    suite.write(inserts, KAFKA, Settings())
    plan = inserts.plan()
    assert submitted_uids(env, plan) == SUITE
    # An abandonment can be recovered for a day, and what is late comes within another.
    assert kept_for(json.loads(plan.as_json_string()), "patterns-answered-waits") == {"2 d"}


def test_further_sinks_and_a_stateless_column_change_no_name(env: TableEnvironment) -> None:
    inserts = wiring.Inserts(env)
    wiring.add_view(env, "loud_signals", "SELECT *, UPPER(document) AS shouted FROM signal_documents")
    more = {
        "loud_topic": "visitor_id, shouted FROM loud_signals",
        "valid_topic": "visitor_id, document FROM valid_documents",
    }
    for sink, query in more.items():
        inserts.into(sink, KAFKA.text_sink(topics.SIGNALS), f"SELECT {query}")
    suite.write(inserts, KAFKA, Settings())
    assert submitted_uids(env, inserts.plan()) == SUITE | {f"write-{sink}_sink" for sink in more}


def test_state_that_has_no_name_yet_is_refused(env: TableEnvironment) -> None:
    inserts = wiring.Inserts(env)
    inserts.into(
        "counts_topic",
        KAFKA.text_sink(topics.SIGNALS),
        "SELECT visitor_id, CAST(COUNT(*) OVER (PARTITION BY visitor_id ORDER BY ts) AS STRING)"
        " FROM events_valid",
    )
    with pytest.raises(
        uids.UnnamedState, match="over-aggregate keyed by visitor_id keeps state and has no row"
    ):
        inserts.plan()


def test_a_savepoint_outlives_another_sink(flink: Flink) -> None:
    folder = flink.new_folder()
    story = folder / "messages" / "story.jsonl"
    story.parent.mkdir()
    story.write_text("\n".join(placed([page("anna", t(0)), page("anna", t(1))])) + "\n", encoding="utf-8")
    savepoint = _run(flink, folder, ["sessions", "events_valid"], {}, drain=False)
    story.unlink()  # it was read: from here on the session can only come from the window's state
    _run(
        flink,
        folder,
        [CARTS, "sessions", "events_valid"],
        {"execution.state-recovery.path": savepoint},
        drain=True,
    )
    rows = local_flink.rows(folder / "sessions")
    assert [(row["visitor_id"], row["events"]) for row in rows] == [("anna", 2)]


def _run(flink: Flink, folder: Path, views: list[str], options: dict[str, str], drain: bool) -> str:
    """Runs until the messages are read, stops and returns the savepoint's place; `drain` ends time first."""
    settings = Settings({"parallelism": 1, "scoring": False})
    env = flink.environment(settings, {"pipeline.auto-watermark-interval": "0 ms", **options})
    messages = local_flink.events_file(folder / "messages", settings, **{"source.monitor-interval": "1 s"})
    env.create_temporary_table("events_json", messages)
    suite.build(env, NO_KAFKA, NO_ELASTICSEARCH, settings)
    inserts = wiring.Inserts(env)
    for view in views:
        into = local_flink.files(folder / view, local_flink.columns(env, view), {"format": "json"})
        inserts.into(f"{view}_out", into, f"SELECT * FROM {view}")
    job = inserts.plan().execute().get_job_client()
    if not drain:
        _wait_for_rows(folder / "events_valid")
    return _stop(job, folder / "savepoints", drain)


def _stop(job: JobClient, savepoints: Path, drain: bool) -> str:
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


def _wait_for_rows(written: Path) -> None:
    """A sink opens its file with the first row; the other row of the same message file is then read too."""
    deadline = time.monotonic() + 60
    while not any(written.glob(".*inprogress*")):
        assert time.monotonic() < deadline, "no row came within a minute"
        time.sleep(0.1)
    time.sleep(2)
