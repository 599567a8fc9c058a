"""Showing downloads: one bar per component that has something to fetch."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from stack.jars import Jar


class RichProgress:
    """A `JarProgress` on a console; shows nothing while nothing is fetched."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks:
            self._progress.stop()

    def start(self, component: str, total: int) -> None:
        """Add a bar of `total` jars."""
        self._progress.start()
        self._tasks[component] = self._progress.add_task(f"Fetching {component} (once)", total=total)

    def done(self, component: str, jar: Jar) -> None:
        """Move the bar on by one jar."""
        self._progress.advance(self._tasks[component])
