"""`scripts/doctor` on the real stack: healthy, it finds nothing; of each planted fault, its cause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import orjson
import pytest

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.kafka.admin import create_topics
from connectors.kafka.client import administrator
from connectors.kafka.writer import Writer
from jobs.offline.doctor import kafka
from jobs.offline.doctor.examination import examine
from stack.embedded import EmbeddedStack
from stack.runs.deploy import Deployment
from tests.cluster.conftest import Deployer, wait_until

EVENTS_S = 100  # a second
_DEADLINE_S = 90.0


@dataclass
class Source:
    """Feeds one event each hundredth of a second, made by `make` from its number and the time.

    Attributes:
        make: the next message and its partition; None feeds nothing.
    """

    writer: Writer
    make: Callable[[int, int], tuple[bytes, int]] | None = None
    number: int = 0

    def feed(self, over: threading.Event) -> None:
        while not over.wait(1 / EVENTS_S):
            if self.make is not None:
                self.number += 1
                value, partition = self.make(self.number, int(time.time() * 1000))
                self.writer.write(topics.EVENTS_RAW.name, value, None, partition=partition)


def event(number: int, at_ms: int) -> bytes:
    return orjson.dumps(
        {
            "schema": "event/1",
            "event_id": f"e-{number}",
            "event_type": "page_view",
            "event_time_ms": at_ms,
            "visitor_id": f"v-{number % 500}",
        }
    )


def good(number: int, now_ms: int) -> tuple[bytes, int]:
    return event(number, now_ms), number % topics.EVENTS_RAW.partitions


def broken(number: int, now_ms: int) -> tuple[bytes, int]:
    return (b"{" if number % 2 else event(number, now_ms)), number % topics.EVENTS_RAW.partitions


def old(number: int, now_ms: int) -> tuple[bytes, int]:
    late_ms = 60_000 if number % 4 < 2 else 0
    return event(number, now_ms - late_ms), number % topics.EVENTS_RAW.partitions


def in_one_partition(number: int, now_ms: int) -> tuple[bytes, int]:
    return event(number, now_ms), 0 if number % 50 else number // 50 % topics.EVENTS_RAW.partitions


@pytest.fixture(scope="module")
def deployment(deploy_once: Deployer) -> Deployment:
    return deploy_once(parallelism=1)


@pytest.fixture(scope="module")
def source(deployment: Deployment) -> Iterator[Source]:
    over, fed = threading.Event(), Source(Writer(deployment.kafka_properties))
    thread = threading.Thread(target=fed.feed, args=(over,))
    thread.start()
    yield fed
    over.set()
    thread.join()


def causes(deployment: Deployment, **changed: int) -> list[str]:
    settings = deployment.settings.replace(**changed)
    return [one.cause for one in examine(deployment.stack.flink.rest_url, settings)]


def wait_for(deployment: Deployment, wanted: str) -> None:
    """A look takes some seconds; a cause shows when the servers have noticed."""
    wait_until(lambda: wanted in causes(deployment), _DEADLINE_S, wanted)


def wait_for_health(deployment: Deployment) -> None:
    found: list[str] = []

    def is_healthy() -> bool:
        found[:] = causes(deployment)
        return not found

    wait_until(is_healthy, _DEADLINE_S, f"nothing is wrong; {found}")


def test_without_a_job_its_absence_is_the_first_to_be_named(deployment: Deployment) -> None:
    assert causes(deployment)[0] == "job_missing"


def test_nothing_is_wrong_with_a_running_suite(deployment: Deployment, source: Source) -> None:
    source.make = good
    deployment.stack.flink.wait_tasks_running(deployment.submit(), 180)
    wait_for_health(deployment)


@contextmanager
def index_blocked(deployment: Deployment) -> Iterator[None]:
    name, client = "index.blocks.read_only_allow_delete", deployment.client
    client.indices.put_settings(index=indices.ERASURES.alias, settings={name: True})
    yield
    client.indices.put_settings(index=indices.ERASURES.alias, settings={name: None})


@contextmanager
def index_missing(deployment: Deployment) -> Iterator[None]:
    index, client = indices.ITEMS, deployment.client
    client.indices.delete_alias(index=index.name, name=index.alias)
    yield
    client.indices.put_alias(index=index.name, name=index.alias)


@contextmanager
def topic_missing(deployment: Deployment) -> Iterator[None]:
    with administrator(deployment.kafka_properties) as admin:
        admin.delete_topics([topics.topic("footfall.exposures").name])
    yield
    create_topics(deployment.kafka_properties)


PLANTED: dict[str, Callable[[Deployment], AbstractContextManager[None]]] = {
    "index_blocked": index_blocked,
    "index_missing": index_missing,
    "topic_missing": topic_missing,
}


@pytest.mark.parametrize("cause", PLANTED)
def test_a_planted_fault_is_named_and_gone_when_it_is_mended(
    cause: str, deployment: Deployment, source: Source
) -> None:
    with PLANTED[cause](deployment):
        wait_for(deployment, cause)
    wait_for_health(deployment)


def test_another_number_of_buckets_is_a_misfit(deployment: Deployment, source: Source) -> None:
    assert causes(deployment, buckets=deployment.settings.buckets * 2) == ["version_misfit"]


@pytest.mark.parametrize(
    ("make", "cause"),
    [(in_one_partition, "skewed_partitions"), (broken, "many_rejected"), (old, "many_late")],
)
def test_what_comes_in_is_judged(
    make: Callable[[int, int], tuple[bytes, int]], cause: str, deployment: Deployment, source: Source
) -> None:
    source.make = make
    wait_for(deployment, cause)
    source.make = good


def test_a_partition_that_stands_still_holds_event_time_back(
    deployment: Deployment, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.offline.doctor.examination._PATIENCE_MS", 10_000)
    stood_at = int(time.time() * 1000)
    source.make = lambda number, now_ms: (
        event(number, stood_at if number % topics.EVENTS_RAW.partitions == 3 else now_ms),
        number % topics.EVENTS_RAW.partitions,
    )
    wait_for(deployment, "watermark_held")
    findings = examine(deployment.stack.flink.rest_url, deployment.settings)
    [held] = [one for one in findings if one.cause == "watermark_held"]
    assert held.where.endswith("raw-3")  # Flink writes underscores for the points of the topic's name
    source.make = good


def test_a_refused_document_and_a_mapping_of_others_are_named(deployment: Deployment, source: Source) -> None:
    deployment.client.indices.put_mapping(
        index=indices.ALIASES.alias, properties={"someone_elses": {"type": "long"}}
    )
    with nullcontext(Writer(deployment.kafka_properties)) as writer:
        writer.write(topics.INDEX_FAILURES.name, b"400 strict_dynamic_mapping_exception", "some-id")
        writer.flush()
    wait_for(deployment, "index_refuses")
    assert "mapping_drift" in causes(deployment)


def test_a_quiet_topic_is_named(
    deployment: Deployment, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_QUIET_S", 5.0)
    source.make = None
    wait_for(deployment, "no_input")
    source.make = good


def test_a_lost_taskmanager_and_what_waits_for_it_are_named(
    deployment: Deployment, source: Source, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_LAG_S", 10.0)
    stack.flink.kill_taskmanager()
    wait_for(deployment, "no_workers")
    wait_for(deployment, "lag")
    assert "job_failing" in causes(deployment)
    stack.flink.start_taskmanager()
