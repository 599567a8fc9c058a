"""Which experiment is analysed: as its folder has it now, or as the lake has kept it."""

from __future__ import annotations

from pathlib import Path

from connectors.contracts.experiments import Experiments
from connectors.errors import BadInput
from connectors.files.experiments import load
from connectors.lake.definitions import keep, kept


def definitions(name: str, folder: Path | None, events: Path, version: int | None) -> Experiments:
    """The experiments of the folder, which the lake keeps; without it, or of an older version, the lake's.

    Args:
        name: of the experiment.
        folder: of `*.yaml`.
        events: the lake, or a file of events.
        version: None is the one in force, or the newest that was kept.

    Raises:
        BadInput: there is no such experiment, or a version has changed.
    """
    running = load(folder) if folder else Experiments()
    if folder and events.is_dir():
        keep(events, running)
    in_force = running.version_of(name)
    if folder and (version is None or version == in_force):
        return running
    if not events.is_dir():
        raise BadInput(
            f"a lake (a folder) is required for a version that the folder does not have, {events} came",
            "give --experiments DIR with that version, or the lake as --events",
        )
    return kept(events, name, version)
