"""The tiny parent of each server process: a script that needs the standard library only, to start at once.

    python -I -S nanny.py COMMAND ARGUMENT...

Its standard input is a socket to the process that wanted the server. The server's process id goes over it;
when it closes (the wanting process ended, even by kill -9) the server's whole process group is killed.
The same happens when the server itself ends: a TaskManager that is killed leaves its Python workers behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading

_LIFELINE = 0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _exec(command: list[str], nanny: int) -> None:
    os.setpgid(0, 0)
    # Should the nanny be killed, the server at least goes with it.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != nanny:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), _LIFELINE)
    try:
        os.execvp(command[0], command)  # noqa: S606 - exec is this script's purpose
    except OSError as problem:
        os.write(2, f"cannot run {command[0]}: {problem}\n".encode())
        os._exit(127)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _kill_at_hang_up(group: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(_LIFELINE, 64):
            pass
    _signal_group(group, signal.SIGKILL)


def _clear_group(group: int) -> None:
    _signal_group(group, signal.SIGKILL)
    # Orphans of the server have become this process's children (on Linux): wait until they are really gone.
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)


def main() -> int:
    """Run the command in its own process group; returns its exit status (128 + N when signal N ended it)."""
    nanny = os.getpid()
    # A stop request is for the server; the nanny ends when the server has ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        _exec(sys.argv[1:], nanny)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(child, child)
    signal.signal(signal.SIGTERM, lambda number, _: _signal_group(child, number))
    os.write(_LIFELINE, b"%d\n" % child)
    threading.Thread(target=_kill_at_hang_up, args=(child,), daemon=True).start()
    _, status = os.waitpid(child, 0)
    _clear_group(child)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    os._exit(main())
