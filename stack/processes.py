"""Server processes that never outlive the process that started them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack import logs
from stack.errors import ComponentFailed, PortTaken

_NANNY = Path(__file__).with_name("nanny.py")
_POLL_S = 0.1
_NANNY_ANSWERS_WITHIN_S = 20.0


class ManagedProcess:
    """A child in a process group of its own, its output in a log file, tied to the life of this process.

    Between this process and the child sits `nanny.py`: it kills the child's group when this process is gone,
    however it went, and when the child itself is gone but left members of its group behind.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Describe the process; `start` runs it.

        Args:
            name: what errors call it.
            command: program and arguments.
            log: receives standard output and error, appended.
            env: the whole environment; None = this process's.
            folder: where it works; None = where this process does.
        """
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._env, self._folder = env, folder
        self._nanny: subprocess.Popen[bytes] | None = None
        self._lifeline: socket.socket | None = None
        self._pid: int | None = None
        self._cancelled = threading.Event()

    @property
    def pid(self) -> int | None:
        """Process id of the child, also its group's id; None before `start`."""
        return self._pid

    @property
    def returncode(self) -> int | None:
        """Exit status of the child (128 + N when signal N ended it), None while it runs or before `start`."""
        return self._nanny.poll() if self._nanny is not None else None

    @property
    def running(self) -> bool:
        """Whether the child was started and has not ended."""
        return self._nanny is not None and self._nanny.poll() is None

    def start(self) -> None:
        """Start the child.

        Raises:
            ComponentFailed: if it was stopped before, or the child could not be started.
        """
        if self._cancelled.is_set():
            raise ComponentFailed(f"{self.name} was stopped before it started")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs, self.log.open("ab") as output:
            self._lifeline = ours
            self._nanny = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_NANNY), *self._command],
                stdin=theirs.fileno(),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._folder,
                start_new_session=True,
            )
        self._pid = self._read_pid(ours)
        if self._cancelled.is_set():
            self.stop(grace_s=0)

    def _read_pid(self, lifeline: socket.socket) -> int:
        lifeline.settimeout(_NANNY_ANSWERS_WITHIN_S)
        with contextlib.suppress(OSError):
            answer = lifeline.recv(32)
            if answer:
                return int(answer)
        self.stop(grace_s=0)
        raise ComponentFailed(f"{self.name}: the process could not be started. {self._evidence()}")

    def wait_until(self, condition: Callable[[], object], deadline_s: float) -> None:
        """Return as soon as `condition()` holds.

        Args:
            condition: asked ten times a second; anything true ends the wait.
            deadline_s: seconds to wait at most.

        Raises:
            PortTaken: if the child ended and its log names a port in use.
            ComponentFailed: if the child ended, or the deadline passed.
        """
        end = time.monotonic() + deadline_s
        while not condition():
            if self._cancelled.is_set():
                raise ComponentFailed(f"{self.name} was stopped while it started")
            if not self.running:
                raise self._ended()
            if time.monotonic() > end:
                raise ComponentFailed(
                    f"{self.name} was not ready within {deadline_s:.0f} s. {self._evidence()}"
                )
            time.sleep(_POLL_S)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end of the child and return its exit status.

        Raises:
            ComponentFailed: if it still runs after `timeout_s` seconds, or was never started.
        """
        if self._nanny is None:
            raise ComponentFailed(f"{self.name} was never started")
        try:
            return self._nanny.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ComponentFailed(f"{self.name} still ran after {timeout_s} s. {self._evidence()}") from None

    def wait_success(self, timeout_s: float) -> None:
        """Wait for the end of a child that is to end with status 0.

        Raises:
            ComponentFailed: if it ends with another status, or still runs after `timeout_s` seconds.
        """
        if self.wait(timeout_s) != 0:
            raise self._ended()

    def kill(self) -> None:
        """SIGKILL to the child alone, as a crash would end it; its group goes right after."""
        if self._pid is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def stop(self, grace_s: float = 4.0) -> None:
        """End the whole group: SIGTERM, at most `grace_s` seconds of patience, SIGKILL. Twice is fine."""
        self._cancelled.set()
        nanny = self._nanny
        if nanny is None:
            return
        if grace_s > 0 and nanny.poll() is None:
            self._signal_group(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                nanny.wait(grace_s)
        self._finish(nanny)

    def start_again(self) -> ManagedProcess:
        """Start another like this one, which has ended, in its place.

        Raises:
            ComponentFailed: if this one still runs, or the other could not be started.
        """
        if self.running:
            raise ComponentFailed(f"{self.name} (process {self._pid}) still runs", "end it first")
        self.stop(grace_s=0)
        again = ManagedProcess(self.name, self._command, self.log, self._env, self._folder)
        again.start()
        return again

    def _finish(self, nanny: subprocess.Popen[bytes]) -> None:
        if nanny.poll() is None or nanny.returncode < 0:
            # A nanny that was killed could not clear up behind its child.
            self._signal_group(signal.SIGKILL)
        if self._lifeline is not None:
            self._lifeline.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            nanny.wait(5)
        if nanny.poll() is None:
            nanny.kill()
            nanny.wait()

    def _signal_group(self, number: int) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, number)

    def _ended(self) -> ComponentFailed | PortTaken:
        if logs.port_was_taken(self.log):
            return PortTaken(
                f"{self.name} found its port in use: {logs.likely_cause(self.log)}. Log: {self.log}. "
                "Start again: free ports are chosen anew each time"
            )
        return ComponentFailed(f"{self.name} ended with status {self.returncode}. {self._evidence()}")

    def _evidence(self) -> str:
        return f"Likely cause: {logs.likely_cause(self.log)}. Log: {self.log}."
