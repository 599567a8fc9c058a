"""Ctrl-C ends a run in time, whatever its servers do, and a second one at once."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Ten seconds are promised; what is left of them is for the last processes to go.
PATIENCE_S = 9.0
STATUS = 130


def leave() -> None:
    """Ends this process here and now; the servers' nannies notice it and kill the servers."""
    os.write(2, b"\nstopped at once; nothing is left running\n")
    os._exit(STATUS)


@contextmanager
def ended_in_time(patience_s: float = PATIENCE_S, end: Callable[[], None] = leave) -> Iterator[None]:
    """Inside the block Ctrl-C is a KeyboardInterrupt as ever, and somebody watches how that goes on.

    A thread does: the main one may be in a call that waits for a broker, and hears of no signal meanwhile.

    Args:
        patience_s: so long after the first Ctrl-C the process ends, however far it has come.
        end: ends it.
    """
    writer, reader = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watch = threading.Thread(target=_watch, args=(reader, patience_s, end), name="interrupts", daemon=True)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()
        watch.join()
        reader.close()


def _watch(reader: socket.socket, patience_s: float, end: Callable[[], None]) -> None:
    """Ends the process at the second signal, or when patience with the first one is over."""
    deadline = None
    while True:
        reader.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
        try:
            numbers = reader.recv(1)
        except TimeoutError:
            return end()
        if not numbers:
            return None
        if numbers[0] != signal.SIGINT:
            continue
        if deadline is not None:
            return end()
        deadline = time.monotonic() + patience_s
