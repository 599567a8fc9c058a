"""Rewrites hours of the lake: one file of the many that checkpoints leave, or all but what is erased.

Crash-safe: at no moment does `connectors.lake` miss a row or see it twice. The merged file is complete under
a hidden name before `_merging.json` takes it instead of the others, and only then do these go. What an
interrupted merge left, the next one finishes. A reader that had listed the files before can find one gone; it
reads again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from connectors.lake.reading import MERGING, data_files, hours, read
from connectors.lake.tables import LakeTable


@dataclass(frozen=True)
class Merged:
    """What a merge of a table did: hours that it touched, files before and after in these, rows."""

    hours: int = 0
    files_before: int = 0
    files_after: int = 0
    rows: int = 0

    def __add__(self, other: Merged) -> Merged:
        return Merged(
            self.hours + other.hours,
            self.files_before + other.files_before,
            self.files_after + other.files_after,
            self.rows + other.rows,
        )


def merge(lake: Path, table: LakeTable, least_files: int = 2) -> Merged:
    """Merges every hour of a table that has so many files or more; may run beside the job that writes.

    Args:
        lake: the folder.
        table: one of its tables.
        least_files: an hour with fewer is left alone.

    Raises:
        BadInput: the folder has no such table.
    """
    total = Merged()
    for hour in hours(lake, table):
        finish(hour)
        files = data_files(hour)
        if len(files) >= max(least_files, 2):
            total += _merge_hour(hour, table, files)
    return total


def finish(hour: Path) -> None:
    """Completes a merge that is written down: shows the merged file, removes what it replaces."""
    try:
        merging = json.loads((hour / MERGING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    hidden = hour / f".{merging['into']}"
    if hidden.exists():
        hidden.rename(hour / merging["into"])
    for name in merging["replaces"]:
        (hour / name).unlink(missing_ok=True)
    (hour / MERGING).unlink()


def erase(lake: Path, table: LakeTable, visitors: Collection[str]) -> int:
    """Takes every row of the visitors out of a table; returns how many. Their hours are merged on the way.

    A visitor's rows are those whose `visitor_id`, `anonymous_id` or `user_id` is one of the ids.

    Raises:
        BadInput: the folder has no such table.
    """
    names = [name for name in ("visitor_id", "anonymous_id", "user_id") if name in table.columns]
    theirs = pl.any_horizontal(pl.col(name).is_in(list(visitors)).fill_null(False) for name in names)
    erased = 0
    for hour in hours(lake, table):
        finish(hour)
        files = data_files(hour)
        rows = read(table, files).filter(theirs).select(pl.len()).collect().item()
        if rows:
            _merge_hour(hour, table, files, ~theirs)
            erased += rows
    return erased


def _merge_hour(hour: Path, table: LakeTable, files: list[Path], kept: pl.Expr | bool = True) -> Merged:
    names = [path.name for path in files]
    # Named after what it is made of: the same merge after a crash writes the same file again.
    into = f"merged-{hashlib.sha256(f'{kept} {names}'.encode()).hexdigest()[:16]}"
    # All columns of all files: a merge by an old version must not lose what a newer one wrote.
    frame = pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in files], how="diagonal")
    frame = frame.filter(kept)
    frame.sort(table.order).write_parquet(hour / f".{into}", compression="zstd")
    _sync(hour / f".{into}")
    note = hour / f".{MERGING}"
    note.write_text(json.dumps({"into": into, "replaces": names}), encoding="utf-8")
    _sync(note)
    note.replace(hour / MERGING)
    finish(hour)
    return Merged(1, len(files), 1, frame.height)


def _sync(path: Path) -> None:
    """On disk before anything says so."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
