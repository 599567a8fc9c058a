"""The registry: a folder of immutable model versions and, for each model, which is live and which shadows.

    <root>/<name>/<version>/model.onnx  manifest.json  golden.jsonl; of a table
    <root>/<name>/<version>/table.jsonl  manifest.json
    <root>/<name>/live.json             {"version", "sha256", "since_ms", "previous": [...], "note"}
    <root>/<name>/shadow.json           the same, when a version scores beside the live one

A pointer is replaced in one step, so a reader sees the old or the new one. Readers also work on a package
inside a zip (the registry that travels with a job); there nothing can be changed.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.contracts.model_manifest import VERSION_PATTERN, Manifest
from connectors.errors import ModelRefused
from connectors.models.files import (
    MANIFEST,
    AnyManifest,
    check_files,
    names_of,
    read_any_manifest,
    read_manifest,
)
from connectors.wording import plainly

LIVE, SHADOW = "live", "shadow"


class Pointer(BaseModel):
    """Which version has a role.

    Attributes:
        version: of the model.
        sha256: of its graph or table, so that a pointer cannot come to mean another one.
        since_ms: wall clock of the change, epoch milliseconds.
        previous: versions that had the role before, the last one first.
        note: why it was changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    sha256: str
    since_ms: int
    previous: tuple[str, ...] = ()
    note: str = ""


class Registry:
    """The models under one folder.

    Args:
        root: the folder, or a package's resources.
    """

    def __init__(self, root: Traversable | Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Names of the models."""
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if entry.is_dir() and self._in(entry))

    def versions(self, name: str) -> list[str]:
        """Versions of a model, the oldest first."""
        folder = self.root.joinpath(name)
        return self._in(folder) if folder.is_dir() else []

    @staticmethod
    def _in(folder: Traversable) -> list[str]:
        return sorted(entry.name for entry in folder.iterdir() if VERSION_PATTERN.fullmatch(entry.name))

    def manifest(self, name: str, version: str) -> Manifest:
        """The manifest of a version of a model that scores.

        Raises:
            ModelRefused: there is none, it does not fit, or it is a table's.
        """
        return read_manifest(self.folder(name, version))

    def any_manifest(self, name: str, version: str) -> AnyManifest:
        """The manifest of a version, whatever it is of.

        Raises:
            ModelRefused: there is none, or it does not fit.
        """
        return read_any_manifest(self.folder(name, version))

    def pointer(self, name: str, role: str = LIVE) -> Pointer | None:
        """Which version has the role; None when none has.

        Raises:
            ModelRefused: the pointer's file is no pointer.
        """
        path = self.root.joinpath(name, f"{role}.json")
        try:
            return Pointer.model_validate_json(path.read_bytes())
        except (FileNotFoundError, KeyError):
            return None
        except (OSError, ValidationError) as error:
            raise ModelRefused(f"{path}: is no pointer ({plainly(error)})", "promote a version") from error

    def stamp(self, name: str, role: str = LIVE) -> int:
        """Changes whenever the role's pointer does; 0 when there is none. One stat, no read."""
        path = self.root.joinpath(name, f"{role}.json")
        if not isinstance(path, Path):
            return int(path.is_file())
        try:
            found = path.stat()
        except FileNotFoundError:
            return 0
        return hash((found.st_mtime_ns, found.st_ino, found.st_size)) or 1

    def add(self, folder: Path) -> AnyManifest:
        """Adds a version; one that is there already, byte by byte, stays as it is.

        Whether a version is sound is not judged here, see jobs/offline/models.py.

        Args:
            folder: with the version's files.

        Raises:
            ModelRefused: the manifest does not fit, or the version exists with other content.
        """
        manifest = read_any_manifest(folder)
        names = (*names_of(manifest), MANIFEST)
        target = self._writable() / manifest.name / manifest.version
        if target.exists():
            if _digests(folder, names) != _digests(target, names):
                raise ModelRefused(
                    f"{target}: exists with other content, and versions never change", "train again"
                )
            return manifest
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as scratch:
            staged = Path(scratch) / manifest.version
            staged.mkdir()
            for name in names:
                shutil.copyfile(folder / name, staged / name)
            _check_copied(staged, manifest)
            staged.rename(target)
        return manifest

    def clear(self, name: str, role: str = SHADOW) -> None:
        """Takes the role from whichever version has it."""
        (self._writable() / name / f"{role}.json").unlink(missing_ok=True)

    def point(
        self, name: str, role: str, manifest: AnyManifest, previous: tuple[str, ...], note: str
    ) -> Pointer:
        """Gives the role to a version; `previous` had it before, the last one first. Judges nothing."""
        pointer = Pointer(
            version=manifest.version,
            sha256=manifest.sha256,
            since_ms=time.time_ns() // 1_000_000,
            previous=previous,
            note=note,
        )
        target = self._writable() / name / f"{role}.json"
        with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=f".{role}-", delete=False) as file:
            file.write(pointer.model_dump_json(indent=1) + "\n")
        Path(file.name).chmod(0o644)
        Path(file.name).replace(target)
        return pointer

    def folder(self, name: str, version: str) -> Traversable:
        """The folder of a version.

        Raises:
            ModelRefused: the text names no version.
        """
        if not VERSION_PATTERN.fullmatch(version):
            raise ModelRefused(f"{name}: {version!r} is no version", "scripts/models list shows them")
        return self.root.joinpath(name, version)

    def _writable(self) -> Path:
        if not isinstance(self.root, Path):
            raise ModelRefused(
                "the models that travel with a job cannot be changed", "set model_dir to a folder"
            )
        return self.root


def _digests(folder: Path, names: tuple[str, ...]) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]


def _check_copied(staged: Path, manifest: AnyManifest) -> None:
    """What was copied is what the manifest means, and not what lies there by now."""
    if read_any_manifest(staged) != manifest:
        raise ModelRefused(f"{staged}: the manifest has changed while it was copied", "publish it again")
    check_files(staged, manifest)
