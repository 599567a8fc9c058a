"""`scripts/run` and `scripts/demo` as processes: Ctrl-C ends it in time, whatever Flink does, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import requests

from stack.package import ROOT
from tests.cluster.conftest import processes_of, wait_until, workers_of

PROMISED_S, _AT_ONCE_S = 10.0, 2.5
_SOON_S = 10.0  # until the last process behind one that has ended is gone


def hears_interrupts() -> None:
    """In the child: what runs in the background of a shell ignores SIGINT, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """A live run in a folder of its own; what it says goes to a file."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder, self._output = folder / "run", folder / "said.txt"
        command = [sys.executable, "-m", *words, "--workdir", str(self.folder)]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=hears_interrupts,
            )

    def shows(self, words: str) -> bool:
        """Whether it has said so by now."""
        assert self.process.poll() is None, self.output()
        return words in self.output()

    def output(self) -> str:
        """All that it has said."""
        return self._output.read_text("utf-8", "replace")

    def interrupt(self) -> None:
        """Ctrl-C in its terminal: the signal goes to its process group, of which the servers are none."""
        os.killpg(self.process.pid, signal.SIGINT)

    def java(self, main: str) -> list[psutil.Process]:
        """The JVMs of the run whose main class has this name; their nannies name it, too."""
        return [one for one in processes_of(self.folder) if _is_java(one, main)]

    def assert_gone(self) -> None:
        """Nothing that the run started is left."""
        wait_until(lambda: not processes_of(self.folder), _SOON_S, "nothing is left running")


def _is_java(process: psutil.Process, main: str) -> bool:
    with suppress(psutil.Error):  # it may end meanwhile
        return process.name() == "java" and main in " ".join(process.cmdline())
    return False


LIVE = ("cli.run", "--rate", "100", "--state-backend", "rocksdb")


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Run]:
    """A run that is ended in any case."""
    run = Run(folder, *(words or LIVE))
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()


def test_an_interrupted_run_ends_in_time_although_flink_stands_still(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        wait_until(lambda: run.shows("visitor "), 240, "the first signal")
        workers = workers_of(run.folder)
        assert workers
        run.java("TaskManagerRunner")[0].suspend()
        began = time.monotonic()
        run.interrupt()
        status = run.process.wait(30)
        assert time.monotonic() - began < PROMISED_S, run.output()
        assert status == 1 and '"balanced": false' in run.output(), run.output()
        run.assert_gone()
        assert not any(worker.is_running() for worker in workers)


def test_a_second_interrupt_ends_the_run_at_once(tmp_path: Path) -> None:
    """Here in the middle of its start, with a broker that does not hear that it is to stop."""
    with running(tmp_path) as run:
        wait_until(lambda: bool(run.java("kafka.Kafka")), 60, "the broker")
        run.java("kafka.Kafka")[0].suspend()
        run.interrupt()
        wait_until(lambda: not _is_pending(run.process.pid), 10, "the first one is heard")
        assert run.process.poll() is None
        began = time.monotonic()
        run.interrupt()
        assert run.process.wait(30) == 130
        assert time.monotonic() - began < _AT_ONCE_S, run.output()
        run.assert_gone()


def test_an_interrupted_demonstration_ends_in_time_with_all_its_processes(tmp_path: Path) -> None:
    with running(tmp_path, "cli.demo", "--port", "0") as run:
        wait_until(lambda: run.shows("fill a cart"), 300, "the page")
        started = psutil.Process(run.process.pid).children(recursive=True)
        said = [" ".join(one.cmdline()) for one in started]
        for module in ("services.collect", "services.serve", "services.demo.serve", "examples.send_mail"):
            assert any(module in words for words in said), said
        began = time.monotonic()
        run.interrupt()
        assert run.process.wait(30) == 130, run.output()
        assert time.monotonic() - began < PROMISED_S, run.output()
        run.assert_gone()
        assert not any(one.is_running() for one in started)


def test_a_live_run_serves_the_page_beside_the_generated_shop(tmp_path: Path) -> None:
    with running(tmp_path, *LIVE, "--page", "--seconds", "20") as run:
        wait_until(lambda: run.shows("a shop's page"), 300, "the page's address")
        url = run.output().split("a shop's page")[1].split()[0]
        wait_until(lambda: run.shows("visitor "), 240, "the first signal")
        state = requests.get(f"{url}/demo/state", timeout=10)
        assert state.status_code == 200, state.text
        assert state.json()["facts"]["cart_timeout_ms"] == 20_000
        assert run.process.wait(180) == 0, run.output()
        run.assert_gone()


def _is_pending(process: int) -> bool:
    """Whether the process has yet to be told of a SIGINT."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return bool(int(lines["ShdPnd"], 16) >> (signal.SIGINT - 1) & 1)
