"""Which version of a model may have a role: the one place that decides it, and that writes the registry.

Workers only read the registry. One that finds a version wanting refuses it for itself and counts that.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path

from connectors.contracts.model_manifest import Manifest
from connectors.contracts.table_manifest import TableManifest
from connectors.errors import ModelRefused
from connectors.models.files import AnyManifest, read_any_manifest
from connectors.models.registry import LIVE, Pointer, Registry
from connectors.models.tables import load_table
from udfs.model_runtime import load

KEPT = 10  # versions that a pointer remembers for roll-backs


def sound(folder: Traversable | Path, offered: Iterable[str] | None = None) -> AnyManifest:
    """Every check that a reader does of a version, of a model or of a table; its manifest.

    Raises:
        ModelRefused: see `udfs.model_runtime.load` and `connectors.models.tables.load_table`.
    """
    if isinstance(read_any_manifest(folder), TableManifest):
        return load_table(folder)[0]
    return load(folder, offered).manifest


def verify(registry: Registry, name: str, version: str, offered: Iterable[str] | None = None) -> AnyManifest:
    """Every check that a reader does, whatever the role of the version.

    Raises:
        ModelRefused: see `sound`.
    """
    return sound(registry.folder(name, version), offered)


def verify_role(registry: Registry, name: str, role: str, offered: Iterable[str] | None = None) -> None:
    """Every check of the version that has the role, if one has.

    Raises:
        ModelRefused: it is not sound, or another one than the pointer means.
    """
    pointer = registry.pointer(name, role)
    if pointer is None:
        return
    found = verify(registry, name, pointer.version, offered)
    if (found.name, found.sha256) != (name, pointer.sha256):
        raise ModelRefused(
            f"{name} {pointer.version}: the pointer means another version", "promote the version again"
        )


def publish(registry: Registry, folder: Path) -> AnyManifest:
    """Adds a version after every check; one that is there already, byte by byte, stays as it is.

    Raises:
        ModelRefused: it does not pass the checks, or the version exists with other content.
    """
    sound(folder)
    return registry.add(folder)


def promote(registry: Registry, name: str, version: str, role: str = LIVE, note: str = "") -> Pointer:
    """Gives the role to a version, after every check.

    Raises:
        ModelRefused: the version does not pass, or is a table and was to be a shadow.
    """
    manifest = verify(registry, name, version)
    if role != LIVE and isinstance(manifest, TableManifest):
        raise ModelRefused(f"{name}: a table does not shadow", "compare two with an experiment")
    now = registry.pointer(name, role)
    before = [old for old in ((now.version, *now.previous) if now else ()) if old != version]
    return registry.point(name, role, manifest, tuple(before[:KEPT]), note)


def rollback(registry: Registry, name: str, note: str = "") -> Pointer:
    """Makes the previous version live again; returns the pointer as it is now.

    Raises:
        ModelRefused: there is no live version, no previous one, or it does not pass the checks.
    """
    now = registry.pointer(name)
    if now is None:
        raise ModelRefused(f"{name}: no version is live", "promote one")
    if not now.previous:
        raise ModelRefused(f"{name}: no version was live before {now.version}", "promote another one")
    manifest = verify(registry, name, now.previous[0])
    return registry.point(name, LIVE, manifest, now.previous[1:], note or f"rolled back from {now.version}")


def live_manifest(registry: Registry, name: str) -> Manifest:
    """The manifest of the live version.

    Raises:
        ModelRefused: none is live.
    """
    pointer = registry.pointer(name)
    if pointer is None:
        raise ModelRefused(f"{name}: no version is live", "scripts/models list shows what there is")
    return registry.manifest(name, pointer.version)
