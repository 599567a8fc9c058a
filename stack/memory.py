"""How much memory the stack takes: the sum over all child processes, sampled in the background."""

from __future__ import annotations

import contextlib
import threading

import psutil

_EVERY_S = 1.0


def children_memory_bytes() -> int:
    """Resident memory of all descendants of this process; pages they share are counted for each."""
    total = 0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            total += int(child.memory_info().rss)
    return total


class MemorySampler:
    """Remembers the highest `children_memory_bytes()` of one sample a second."""

    def __init__(self) -> None:
        self._peak = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)

    @property
    def peak_bytes(self) -> int:
        """The highest sample so far."""
        return self._peak

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> None:
        """End sampling; may be called twice, and before `start`."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            self._peak = max(self._peak, children_memory_bytes())
