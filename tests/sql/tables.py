"""Tables in, tables out: the SQL of all stages over messages from a file (cli/local_flink.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pyflink.table import TableEnvironment

from cli import local_flink
from cli.local_flink import NO_ELASTICSEARCH, NO_KAFKA, OPTIONS, Row, columns, events_file
from jobs.settings import Settings

__all__ = ["NO_ELASTICSEARCH", "NO_KAFKA", "Flink", "Row", "columns", "events_file"]


class Flink:
    """Runs statements in the level's JVM; each run is a job of its own with files of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0

    def run(self, messages: Iterable[str], views: Iterable[str], **settings: Any) -> dict[str, list[Row]]:
        """The rows of each view when the messages came in this order and then time ended.

        No model scores unless the settings say so: its workers take longer to start than most tests run.
        """
        folder = self.new_folder()
        source = folder / "messages.jsonl"
        source.write_text("".join(f"{message}\n" for message in messages), encoding="utf-8")
        chosen = Settings({"bounded": True, "parallelism": 1, "scoring": False, **settings})
        return local_flink.run(source, folder, views, chosen)

    def environment(self, settings: Settings, options: Mapping[str, str] = OPTIONS) -> TableEnvironment:
        """The jobs' own environment, with further options of Flink."""
        return local_flink.environment(settings, options)

    def new_folder(self) -> Path:
        """An empty folder."""
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        folder.mkdir()
        return folder
