"""Which version of a model may have a role: the one place that decides it, and that writes the registry.

Workers only read the registry. One that finds a version wanting refuses it for itself and counts that.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from connectors.contracts.model_manifest import Manifest
from connectors.errors import ModelRefused
from connectors.models.registry import LIVE, Pointer, Registry
from udfs.model_runtime import Model, load

KEPT = 10  # versions that a pointer remembers for roll-backs


def verify(registry: Registry, name: str, version: str, offered: Iterable[str] | None = None) -> Model:
    """Every check that a worker does, whatever the role of the version.

    Raises:
        ModelRefused: see `udfs.model_runtime.load`.
    """
    return load(registry.folder(name, version), offered)


def publish(registry: Registry, folder: Path) -> Manifest:
    """Adds a version after every check; one that is there already, byte by byte, stays as it is.

    Raises:
        ModelRefused: it does not pass the checks, or the version exists with other content.
    """
    load(folder)
    return registry.add(folder)


def promote(registry: Registry, name: str, version: str, role: str = LIVE, note: str = "") -> Pointer:
    """Gives the role to a version, after every check.

    Raises:
        ModelRefused: the version does not pass.
    """
    model = verify(registry, name, version)
    now = registry.pointer(name, role)
    before = [old for old in ((now.version, *now.previous) if now else ()) if old != version]
    return registry.point(name, role, model.manifest, tuple(before[:KEPT]), note)


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
    model = verify(registry, name, now.previous[0])
    return registry.point(
        name, LIVE, model.manifest, now.previous[1:], note or f"rolled back from {now.version}"
    )


def live_manifest(registry: Registry, name: str) -> Manifest:
    """The manifest of the live version.

    Raises:
        ModelRefused: none is live.
    """
    pointer = registry.pointer(name)
    if pointer is None:
        raise ModelRefused(f"{name}: no version is live", "scripts/models list shows what there is")
    return registry.manifest(name, pointer.version)
