"""The life of a job: killed, stopped, restored on other workers and another backend, in the middle of armed waits.

Its documents are, by id and content, those of a run that nobody disturbed: the engine's, to which test_replay.py
holds a whole run of the stack on the same stream. Each test goes on where the one before it has stopped.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from connectors.contracts import topics
from connectors.lake.reading import scan_events
from stack.embedded import EmbeddedStack
from stack.package import pack
from stack.runs.assignments import arguments
from tests.cluster.conftest import ROCKSDB, Deployer, wait_until, workers_of
from tests.cluster.life import Life, day
from tests.fuzz_run import Fuzzer, allow_bytes

NO_RESTARTS = ("-Drestart-strategy.type=none",)


def kill_taskmanager(stack: EmbeddedStack) -> None:
    stack.flink.kill_taskmanager()
    assert workers_of(stack.workdir) == []
    stack.flink.start_taskmanager()


def kill_worker(stack: EmbeddedStack) -> None:
    workers_of(stack.workdir)[0].kill()


@pytest.fixture(scope="module")
def life(deploy_once: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(deploy_once, tmp_path_factory.mktemp("life") / "lake")


@pytest.fixture(scope="module")
def without_a_worker(life: Life, stack: EmbeddedStack) -> Life:
    """The first day: of two workers one is killed."""
    _half_of(life, 0)
    assert len(workers_of(stack.workdir)) == 2
    kill_worker(stack)
    return _other_half_of(life, 0, restarts=1)


@pytest.fixture(scope="module")
def without_taskmanager(without_a_worker: Life, stack: EmbeddedStack) -> Life:
    """The fourth day: the TaskManager is killed, and another one started."""
    life = without_a_worker
    _half_of(life, 3)
    kill_taskmanager(stack)
    return _other_half_of(life, 3, restarts=2)


@pytest.fixture(scope="module")
def on_one_worker(without_taskmanager: Life) -> Life:
    """The seventh day: stopped with a savepoint and restored with one worker, a lake and no models."""
    life = without_taskmanager
    _half_of(life, 6)
    life.restore(parallelism=1, scoring=False, archive_dir=str(life.lake))
    return _other_half_of(life, 6, restarts=0)


@pytest.fixture(scope="module")
def on_disk(on_one_worker: Life, stack: EmbeddedStack) -> Life:
    """The tenth day: restored with two workers and RocksDB; then a worker and the TaskManager are killed."""
    life = on_one_worker
    _half_of(life, 9)
    life.restore(ROCKSDB, parallelism=2)
    kill_worker(stack)
    kill_taskmanager(stack)
    return _other_half_of(life, 9, restarts=1)


def _half_of(life: Life, number: int) -> None:
    """A third of a day is in a checkpoint, the second is on its way, and carts are waited for."""
    events = day(number)
    third = len(events) // 3
    life.feed(events[:third])
    life.wait_until_safe()
    life.feed(events[third : 2 * third])
    assert life.has_open_waits()


def _other_half_of(life: Life, number: int, restarts: int) -> Life:
    events = day(number)
    life.feed(events[2 * (len(events) // 3) :])  # an absent worker matters once there is work
    wait_until(lambda: life.flink.restarts(life.job) >= restarts, 60, "the job has noticed")
    life.end_of_day()
    return life


def test_a_killed_worker_changes_nothing(without_a_worker: Life) -> None:
    assert without_a_worker.events


def test_a_killed_taskmanager_changes_nothing(without_taskmanager: Life) -> None:
    assert without_taskmanager.events


def test_a_savepoint_goes_on_with_one_worker_without_models_with_a_lake(on_one_worker: Life) -> None:
    assert on_one_worker.deployment.settings.parallelism == 1


def test_with_two_and_rocksdb_where_both_are_killed(on_disk: Life) -> None:
    assert on_disk.deployment.settings.parallelism == 2


@pytest.fixture(scope="module")
def savepoint(on_disk: Life) -> str:
    """The job is stopped for good."""
    return on_disk.flink.savepoint(on_disk.job, stop=True)


@pytest.mark.usefixtures("savepoint")
def test_the_lake_has_each_event_once(on_disk: Life) -> None:
    """Of those at least that came after it was there; slices that were open then are in it, too."""
    ids = scan_events(on_disk.lake).select("event_id").collect()["event_id"].to_list()
    since = [*day(6)[2 * (len(day(6)) // 3) :], *day(9)]
    assert len(ids) == len(set(ids)) and set(ids) >= {event["event_id"] for event in since}


def test_state_of_a_newer_release_is_refused(on_disk: Life, savepoint: str, tmp_path: Path) -> None:
    """With what to do: the savepoint goes to code that knows an older version of it alone."""
    life, package = on_disk, _older(pack(tmp_path / "suite.zip"), tmp_path / "older.zip")
    job = life.flink.run(
        "jobs.suite",
        package,
        arguments(life.deployment.settings),
        parallelism=2,
        from_savepoint=savepoint,
        flags=(*ROCKSDB, *NO_RESTARTS),
    )
    life.feed(day(12)[:200])  # a bucket's state is looked at when there is something for it
    life.flink.wait_job(job, {"FAILED"}, 60)
    error = life.flink.exceptions(job)[0]
    assert "StateTooNew: the state of a Device has version 1, this release reads up to 0" in error
    assert "run the release that wrote the state, or start from a savepoint of this one" in error


def _older(package: Path, target: Path) -> Path:
    """The package with a device's bytes of one version less."""
    name, version = "state/devices/device.py", "Codec(Device, version=1)"
    with zipfile.ZipFile(package) as whole, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as older:
        assert version in whole.read(name).decode()
        for one in whole.namelist():
            text = whole.read(one)
            older.writestr(
                one, text.replace(version.encode(), b"Codec(Device, version=0)") if one == name else text
            )
    return target


@pytest.mark.skipif(os.environ.get("FOOTFALL_CHAOS") != "1", reason="ten minutes: FOOTFALL_CHAOS=1 runs it")
def test_mutated_messages_and_faults_leave_the_ledger_balanced(deploy: Deployer) -> None:
    """What `tests/bench/test_fuzz.py` does a million times; then a kill and a savepoint in the middle of it.

    Identity, consent and caps are on: the events log in, grant and deny.
    """
    deployment = deploy(idle_timeout_ms=0)  # minutes of event time go by in a second
    allow_bytes(deployment, topics.EVENTS_RAW, 12_000_000)
    job, flink = deployment.submit(), deployment.stack.flink
    flink.wait_tasks_running(job, 180)
    fuzzer = Fuzzer(deployment, seed=7, most=40_000, megabytes=0.0005)
    fuzzer.feed_specimens()
    fuzzer.feed(20_000, enormous=2)
    ledger, letters = fuzzer.settled(300)
    assert not fuzzer.surprises(letters)
    assert flink.restarts(job) == 0
    assert ledger.balanced, ledger.to_document()
    assert {"oversized", "not_utf8", "no_consent"} <= set(ledger.total().rejected)
    fuzzer.feed(6_000)
    kill_taskmanager(deployment.stack)
    fuzzer.feed(6_000)
    wait_until(lambda: flink.restarts(job) >= 1, 120, "the job has noticed")
    flink.wait_tasks_running(job, 180)
    job = deployment.submit(from_savepoint=flink.savepoint(job, stop=True))
    fuzzer.feed(6_000)
    ledger, letters = fuzzer.settled(300)
    assert ledger.balanced, ledger.to_document()
    assert flink.restarts(job) == 0
    assert not fuzzer.surprises(letters)
