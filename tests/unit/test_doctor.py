"""Each cause is found from what the servers say, at its exact threshold, and a healthy installation has none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.contracts.topics import TOPICS
from connectors.elasticsearch.indices import INDICES, SIGNALS, mappings
from jobs.offline.doctor import flink, index, kafka
from jobs.offline.doctor.causes import CAUSES, Finding, by_harm
from jobs.offline.doctor.examination import examine
from jobs.settings import Settings
from stack.package import ROOT

NOW_MS = 1_700_000_000_000
RAW, REJECTED, LATE = kafka.RAW, kafka.REJECTED, kafka.LATE
JUDGED = "jobs/offline/doctor"


def vertex(name: str, pressed_ms: int = 0, busy_ms: int = 0) -> dict[str, Any]:
    times = {"accumulated-backpressured-time": pressed_ms, "accumulated-busy-time": busy_ms}
    return {"id": name, "name": name, "parallelism": 1, "metrics": times}


def suite(**changes: Any) -> flink.Job:
    """A healthy job: two tasks, a checkpoint a second ago."""
    job = flink.Job(
        "footfall-suite",
        "RUNNING",
        checkpoints={
            "counts": {"total": 9},
            "latest": {"completed": {"latest_ack_timestamp": NOW_MS - 1_000}},
        },
        interval_ms=10_000,
        before=[vertex("read"), vertex("visitors")],
        after=[vertex("read"), vertex("visitors")],
        inputs={"visitors": ["read"]},
        event_time=(NOW_MS - 2_000, "visitors, subtask 0", ""),
        parameters={"version": "1", "buckets": "32"},
    )
    return replace(job, **changes)


def cluster(**changes: Any) -> flink.Cluster:
    return replace(flink.Cluster(NOW_MS, NOW_MS, "2.3.0", {"worker": 0.0}, [suite()]), **changes)


def traffic(**changes: Any) -> kafka.Traffic:
    lately = {RAW: {0: 500, 1: 500}, REJECTED: {0: 50}, LATE: {0: 50}, kafka.FAILURES: {0: 0}}
    return replace(kafka.Traffic(NOW_MS, lately=lately, newest_ms=NOW_MS), **changes)


def indices(**changes: Any) -> index.Indices:
    found = {one.alias: {"settings": {"index": {}}, "mappings": mappings(one)} for one in INDICES}
    return replace(index.Indices(NOW_MS, NOW_MS, "green", found), **changes)


def of_flink(facts: flink.Cluster) -> list[str]:
    return [one.cause for one in flink.judge(facts, "1", {"buckets": "32"})]


def of_job(**changes: Any) -> list[str]:
    return of_flink(cluster(jobs=[suite(**changes)]))


def of_kafka(**changes: Any) -> list[str]:
    return [one.cause for one in kafka.judge(traffic(**changes))]


def of_index(**changes: Any) -> list[str]:
    return [one.cause for one in index.judge(indices(**changes))]


def held(mark: int | None, comes_in: bool = True) -> list[str]:
    job = suite(event_time=(mark, "task", "footfall.events.raw-3"))
    return [one.cause for one in flink.held_back(job, NOW_MS, 60_000, comes_in)]


def latest(done_ms: int, failed_ms: int = 0) -> dict[str, Any]:
    failed = {"failure_timestamp": failed_ms, "failure_message": "expired"} if failed_ms else None
    return {
        "counts": {"total": 9},
        "latest": {"completed": {"latest_ack_timestamp": done_ms}, "failed": failed},
    }


def changed(**more: Any) -> dict[str, Any]:
    """The indices with the settings or mapping of the signals' changed."""
    found = indices().found
    return {**found, SIGNALS.alias: {**found[SIGNALS.alias], **more}}


BLOCKED = changed(settings={"index": {"blocks": {"read_only_allow_delete": "true"}}})
DRIFTED = changed(mappings={**mappings(SIGNALS), "dynamic": "true"})
HEALTHY: list[Callable[[], list[str]]] = [
    lambda: of_flink(cluster()),
    of_kafka,
    of_index,
    lambda: held(NOW_MS - 60_000),
    lambda: held(0, comes_in=False),
    lambda: of_flink(cluster(clock_ms=NOW_MS + 5_000)),
    lambda: of_flink(cluster(collecting={"worker": 0.1})),
    lambda: of_job(exceptions=[(NOW_MS - flink.LONG_AGO_MS, "long ago")]),
    lambda: of_job(checkpoints=latest(NOW_MS - 60_000)),
    lambda: of_job(checkpoints=latest(NOW_MS - 1_000, failed_ms=NOW_MS - 2_000)),
    lambda: of_job(after=[vertex("read", pressed_ms=500), vertex("visitors", busy_ms=900)]),
    lambda: of_kafka(newest_ms=NOW_MS - 59_999),
    lambda: of_kafka(newest_ms=NOW_MS + 5_000),
    lambda: of_kafka(lag_s={"footfall-suite": 60.0}),
    lambda: of_kafka(lately={RAW: {0: 99}, REJECTED: {0: 99}, LATE: {0: 99}}),
    lambda: of_kafka(lately={RAW: {0: 750, 1: 250}}),
]
WRONG: dict[str, Callable[[], list[str]]] = {
    "no_workers": lambda: of_flink(cluster(collecting={})),
    "job_missing": lambda: of_flink(cluster(jobs=[])),
    "clock_skew": lambda: of_flink(cluster(clock_ms=NOW_MS - 5_001)),
    "collecting": lambda: of_flink(cluster(collecting={"worker": 0.11})),
    "job_failing": lambda: of_job(exceptions=[(NOW_MS - flink.LONG_AGO_MS + 1, "boom")]),
    "checkpoints_failing": lambda: of_job(checkpoints=latest(NOW_MS - 60_001)),
    "back_pressure": lambda: of_job(after=[vertex("read", pressed_ms=501), vertex("visitors", busy_ms=900)]),
    "late_dropped": lambda: of_job(counters={"numLateRecordsDropped": 1}),
    "rules_refused": lambda: of_job(counters={"rules.refused": 1}),
    "model_refused": lambda: of_job(counters={"scoring.refused": 1}),
    "version_misfit": lambda: of_job(parameters={"version": "0", "buckets": "32"}),
    "watermark_held": lambda: held(NOW_MS - 60_001),
    "topic_missing": lambda: of_kafka(missing=[TOPICS[0].name]),
    "partition_offline": lambda: of_kafka(offline={(RAW, 0): "it has no leader"}),
    "lag": lambda: of_kafka(lag_s={"footfall-suite": 60.1}),
    "no_input": lambda: of_kafka(newest_ms=NOW_MS - 60_000),
    "many_rejected": lambda: of_kafka(lately={RAW: {0: 500, 1: 500}, REJECTED: {0: 51}}),
    "many_late": lambda: of_kafka(lately={RAW: {0: 500, 1: 500}, LATE: {0: 51}}),
    "skewed_partitions": lambda: of_kafka(lately={RAW: {0: 751, 1: 249}}),
    "index_refuses": lambda: of_kafka(lately={kafka.FAILURES: {0: 1}}, failures=Counter({"400 mapping": 1})),
    "index_red": lambda: of_index(health="red"),
    "index_missing": lambda: of_index(found={}),
    "index_blocked": lambda: of_index(found=BLOCKED),
    "mapping_drift": lambda: of_index(found=DRIFTED),
    "ledger_difference": lambda: of_index(windows=[{"partition": 0, "window_start_ms": 0, "difference": 1}]),
}
SILENT = {"kafka_unreachable", "flink_unreachable", "index_unreachable"}  # nobody answers: below


@pytest.mark.parametrize("look", HEALTHY)
def test_at_its_threshold_nothing_is_wrong(look: Callable[[], list[str]]) -> None:
    assert look() == []


@pytest.mark.parametrize("cause", WRONG)
def test_beyond_it_the_cause_is_named_and_no_other(cause: str) -> None:
    assert set(WRONG[cause]()) == {cause}


def test_every_cause_is_tried() -> None:
    assert WRONG.keys() | SILENT == CAUSES.keys()


def test_a_job_that_has_failed_is_not_judged_further() -> None:
    found = of_job(
        state="FAILED", exceptions=[(0, "boom")], checkpoints=latest(0), counters={"rules.refused": 1}
    )
    assert found == ["job_failing"]


def test_the_slow_task_is_named_not_those_that_wait_for_it() -> None:
    tasks = [vertex("read", 900), vertex("devices", 800, 900), vertex("visitors", 0, 1_000), vertex("index")]
    inputs = {"devices": ["read"], "visitors": ["devices"], "index": ["visitors"]}
    before = [vertex(each["id"]) for each in tasks]
    job = suite(before=before, after=tasks, inputs=inputs)
    [found] = flink.judge(cluster(jobs=[job]), "1", {})
    assert (found.cause, found.where) == ("back_pressure", "footfall-suite: visitors")


def test_the_partition_that_holds_event_time_back_is_named() -> None:
    job = suite(event_time=(NOW_MS - 90_000, "task", "footfall.events.raw-3"))
    [found] = flink.held_back(job, NOW_MS, 60_000, True)
    assert found.where == "footfall-suite: footfall.events.raw-3"


def test_what_a_mapping_lacks_has_too_much_or_has_otherwise_is_named() -> None:
    wanted = {
        "dynamic": "strict",
        "properties": {"a": {"type": "long"}, "b": {"properties": {"c": {"type": "long"}}}},
    }
    found = {
        "dynamic": "strict",
        "properties": {"a": {"type": "keyword"}, "b": {"properties": {}}, "d": {"type": "long"}},
    }
    assert list(index.drift(wanted, found)) == ["a is keyword, not long", "b.c is missing", "d is not ours"]


def test_what_does_not_answer_is_named_in_order_of_harm() -> None:
    gone = {"kafka_bootstrap_servers": "127.0.0.1:1", "elasticsearch_url": "http://127.0.0.1:1"}
    found = examine("http://127.0.0.1:1", Settings.of(gone))
    assert [one.cause for one in found] == ["kafka_unreachable", "flink_unreachable", "index_unreachable"]
    assert not any("Errno" in one.seen for one in found)


def test_findings_come_by_harm_and_every_one_has_a_page_that_is_there() -> None:
    findings = by_harm([Finding(cause, "", "") for cause in reversed(CAUSES)])
    assert [one.cause for one in findings] == list(CAUSES)
    assert [
        one.to_document()["page"] for one in findings if not (ROOT / one.to_document()["page"]).exists()
    ] == []


def test_the_runbook_lists_every_cause_in_order() -> None:
    text = (ROOT / "docs" / "operations" / "doctor.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(CAUSES)
