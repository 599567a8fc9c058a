"""Where commands put their words: a terminal is wrapped and coloured, a pipe or a file gets whole lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_UNBROKEN = 100_000  # characters of a line that goes to no terminal
_STEP_S = 10.0


def new_console(stderr: bool = True) -> Console:
    """A console that shows text as it is, and breaks lines only for a terminal."""
    found = Console(stderr=stderr, markup=False, highlight=False)
    if not found.is_terminal:
        found.width = _UNBROKEN
    return found


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """The rate of the last half minute."""
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


@contextmanager
def progress(found: Console, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows how something comes on: how much of it, how fast, how long it will take.

    A terminal has a bar; elsewhere a line is written every ten seconds, none for what takes less.

    Args:
        found: console to write to.
        what: is done.
        total: how many there are; None when unknown.

    Yields:
        A function that is called with how many are done by now.
    """
    if not found.is_terminal:
        yield Lines(found, what, total).update
        return
    numbers = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *numbers, console=found, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


class Lines:
    """Progress where there is no terminal."""

    def __init__(
        self, found: Console, what: str, total: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begins now; `clock` gives seconds."""
        self._console, self._what, self._total, self._clock = found, what, total, clock
        self._began = self._last = clock()

    def update(self, done: int) -> None:
        """Writes a line when the last one is ten seconds old."""
        now = self._clock()
        if now - self._last >= _STEP_S:
            self._last = now
            self._console.print(f"{self._what}: {self._line(done, done / (now - self._began))}")

    def _line(self, done: int, rate: float) -> str:
        if self._total is None:
            return f"{done:,} at {rate:,.0f}/s"
        if done >= self._total:
            return f"all {self._total:,}, waiting for the end"
        left = f", about {(self._total - done) / rate:,.0f} s left" if rate else ""
        return f"{done:,} of {self._total:,} at {rate:,.0f}/s{left}"
