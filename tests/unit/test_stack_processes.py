"""Server processes: they end as a group, and none outlives the process that wanted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stack.errors import ComponentFailed, PortTaken
from stack.processes import ManagedProcess

ROOT = Path(__file__).resolve().parents[2]
# A server that, as Flink's TaskManager does, has a child of its own in its process group.
SERVER = ["sh", "-c", "sleep 1000 & echo $!; wait"]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def started(tmp_path: Path, command: list[str]) -> ManagedProcess:
    process = ManagedProcess("the server", command, tmp_path / "server.log")
    process.start()
    return process


def worker_of(process: ManagedProcess) -> int:
    assert eventually(lambda: process.log.read_text().strip())
    return int(process.log.read_text().split()[0])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ManagedProcess]:
    process = started(tmp_path, SERVER)
    yield process
    process.stop(grace_s=0)


def test_a_process_that_ended_is_replaced(server: ManagedProcess) -> None:
    with pytest.raises(ComponentFailed, match="still runs; end it first"):
        server.start_again()
    server.kill()
    server.wait(10)
    again = server.start_again()
    try:
        assert again.running and again.pid != server.pid and not server.running
    finally:
        again.stop(grace_s=0)


def test_stop_ends_the_whole_group(server: ManagedProcess) -> None:
    pid, worker = server.pid, worker_of(server)
    assert pid is not None and not gone(worker)
    server.stop()
    assert gone(pid) and gone(worker)
    assert server.returncode == 128 + signal.SIGTERM
    server.stop()


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path, ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"])
    assert eventually(lambda: "up" in process.log.read_text())
    process.stop(grace_s=0.3)
    assert process.returncode == 128 + signal.SIGKILL


def test_a_child_killed_from_outside_takes_its_workers_along(server: ManagedProcess) -> None:
    worker = worker_of(server)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(10) == 128 + signal.SIGKILL
    assert gone(worker)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_nanny_takes_the_child_along_and_stop_the_rest(server: ManagedProcess) -> None:
    pid, worker = server.pid, worker_of(server)
    assert pid is not None
    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)
    assert eventually(lambda: gone(pid))
    server.stop()
    assert eventually(lambda: gone(worker))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_killed_parent(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import sys, time; from pathlib import Path; from stack.processes import ManagedProcess\n"
        f"process = ManagedProcess('x', {SERVER!r}, Path(sys.argv[1]))\n"
        "process.start(); print(process.pid, flush=True); time.sleep(1000)"
    )
    log = tmp_path / "server.log"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(log)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert eventually(lambda: log.read_text().strip())
        worker = int(log.read_text().split()[0])
        assert not gone(pid) and not gone(worker)
        parent.send_signal(number)
    assert eventually(lambda: gone(pid) and gone(worker))


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    process = ManagedProcess("the server", ["sleep", "1000"], tmp_path / "server.log")
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert process.running
    process.stop()


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    process = started(tmp_path, ["no-such-program"])
    with pytest.raises(
        ComponentFailed, match=r"ended with status 127.*cannot run no-such-program.*server\.log"
    ):
        process.wait_until(lambda: False, 10)
    process.stop()


def test_a_child_that_is_to_end_well(tmp_path: Path) -> None:
    good, bad = started(tmp_path, ["true"]), started(tmp_path, ["false"])
    good.wait_success(10)
    with pytest.raises(ComponentFailed, match="ended with status 1"):
        bad.wait_success(10)
    good.stop()
    bad.stop()


def test_waiting_ends_with_the_condition_the_child_or_the_deadline(tmp_path: Path) -> None:
    process = started(tmp_path, ["sh", "-c", "echo up; exec sleep 1000"])
    process.wait_until(lambda: "up" in process.log.read_text(), 10)
    with pytest.raises(
        ComponentFailed, match=r"the server was not ready within 0 s\. Likely cause: up\. Log: "
    ):
        process.wait_until(lambda: False, 0.2)
    process.stop()
    with pytest.raises(ComponentFailed, match="was stopped while it started"):
        process.wait_until(lambda: False, 10)


def test_a_taken_port_has_its_own_error(tmp_path: Path) -> None:
    process = started(tmp_path, ["sh", "-c", "echo 'java.net.BindException: Address already in use'; exit 1"])
    with pytest.raises(PortTaken, match="Address already in use"):
        process.wait_until(lambda: False, 10)
    process.stop()


def test_what_was_stopped_does_not_start(tmp_path: Path) -> None:
    process = ManagedProcess("the server", ["sleep", "1000"], tmp_path / "server.log")
    process.stop()
    with pytest.raises(ComponentFailed, match="was stopped before it started"):
        process.start()
    assert process.pid is None
