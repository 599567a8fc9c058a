"""Experiments as they ran, beside the events: an analysis of an old version knows its arms and weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pyarrow import ArrowException
from pyarrow.fs import FileSelector, FileSystem
from pydantic import ValidationError

from connectors.contracts.experiments import HOLDOUT, Experiments, refrozen
from connectors.errors import BadInput
from connectors.wording import plainly

FOLDER = "experiments"
_NAMED = re.compile(r"([a-z][a-z0-9_]*)-(\d+)\.json")


def keep(lake: str | Path, running: Experiments) -> None:
    """Writes each experiment and the holdout, as `experiments/NAME-VERSION.json`, with the newest ramp.

    Args:
        lake: a folder or a URI.
        running: in force from now on.

    Raises:
        BadInput: a version was kept with another plan, or the lake cannot be written.
    """
    try:
        system, root = _opened(lake)
        for name, one in _each(running):
            path = f"{root}/{name}"
            if told := refrozen(one, _read(system, path) or Experiments()):
                raise BadInput(f"{lake}: {told[0]}", "give the changed experiment a new version")
            system.create_dir(root, recursive=True)
            with system.open_output_stream(path) as file:
                file.write(one.model_dump_json(exclude_none=True).encode())
    except (ArrowException, OSError) as error:
        why = f"{lake}: experiments cannot be kept: {plainly(error)}"
        raise BadInput(why, "see archive_dir and the right to write") from error


def kept(lake: str | Path, name: str, version: int | None = None) -> Experiments:
    """One experiment, or the holdout, as it ran; the newest version unless one is named.

    Raises:
        BadInput: the lake has none.
    """
    try:
        system, root = _opened(lake)
        versions = sorted(_versions(system, root, name))
        wanted = version if version is not None else max(versions, default=0)
        found = _read(system, f"{root}/{name}-{wanted}.json")
    except (ArrowException, OSError) as error:
        raise BadInput(f"{lake}: experiments cannot be read: {plainly(error)}", "name the lake") from error
    if found is None:
        told = ", ".join(map(str, versions)) or "none"
        came = "any" if version is None else str(version)
        raise BadInput(
            f"{lake}: one of the versions of {name} that were kept ({told}) is required, {came} came",
            "give the folder of the experiments: --experiments",
        )
    return found


def _each(running: Experiments) -> Iterator[tuple[str, Experiments]]:
    """The name of each file, and the experiments of one that it holds."""
    if running.holdout is not None:
        yield f"{HOLDOUT}-{running.holdout.version}.json", Experiments(holdout=running.holdout)
    for one in running.experiments:
        yield f"{one.name}-{one.version}.json", Experiments(experiments=[one])


def _opened(lake: str | Path) -> tuple[FileSystem, str]:
    place = str(lake) if "://" in str(lake) else Path(lake).resolve().as_uri()
    system, root = FileSystem.from_uri(place)
    return system, f"{root}/{FOLDER}"


def _read(system: FileSystem, path: str) -> Experiments | None:
    try:
        with system.open_input_stream(path) as file:
            return Experiments.model_validate_json(file.read())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise BadInput(f"{path} is no experiment: {plainly(error)}", "take the file away") from error


def _versions(system: FileSystem, root: str, name: str) -> Iterator[int]:
    files = system.get_file_info(FileSelector(root, allow_not_found=True))
    for match in filter(None, (_NAMED.fullmatch(file.base_name) for file in files)):
        if match[1] == name:
            yield int(match[2])
