"""The files of a version, of a model or of a table: read whole, bounded, and held to their SHA-256."""

from __future__ import annotations

import hashlib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import ValidationError

from connectors.contracts.model_manifest import Manifest
from connectors.contracts.table_manifest import TABLE_SCHEMA, TableManifest
from connectors.errors import ModelRefused
from connectors.wording import plainly

GRAPH, MANIFEST, GOLDEN, TABLE = "model.onnx", "manifest.json", "golden.jsonl", "table.jsonl"
MAX_GRAPH_BYTES = 32 << 20
MAX_GOLDEN_BYTES = 1 << 20
MAX_TABLE_BYTES = 256 << 20
AnyManifest = Manifest | TableManifest
_Kind = TypeVar("_Kind", Manifest, TableManifest)


def read_graph(folder: Traversable | Path, manifest: Manifest) -> bytes:
    """The ONNX graph that the manifest means.

    Raises:
        ModelRefused: it is missing, linked, too large or another one.
    """
    return _read(folder, GRAPH, MAX_GRAPH_BYTES, manifest.sha256)


def read_golden(folder: Traversable | Path, manifest: Manifest) -> bytes:
    """The golden rows that the manifest means.

    Raises:
        ModelRefused: they are missing, linked, too large or others.
    """
    return _read(folder, GOLDEN, MAX_GOLDEN_BYTES, manifest.golden_sha256)


def read_table(folder: Traversable | Path, manifest: TableManifest) -> bytes:
    """The table that the manifest means.

    Raises:
        ModelRefused: it is missing, linked, too large or another one.
    """
    return _read(folder, TABLE, MAX_TABLE_BYTES, manifest.sha256)


def names_of(manifest: AnyManifest) -> tuple[str, ...]:
    """The files of a version, without its manifest."""
    return (TABLE,) if isinstance(manifest, TableManifest) else (GRAPH, GOLDEN)


def check_files(folder: Traversable | Path, manifest: AnyManifest) -> None:
    """Holds a version's files to its manifest.

    Raises:
        ModelRefused: one is missing, linked, too large or another one.
    """
    if isinstance(manifest, TableManifest):
        read_table(folder, manifest)
    else:
        read_graph(folder, manifest)
        read_golden(folder, manifest)


def read_manifest(folder: Traversable | Path) -> Manifest:
    """The manifest of a model's version.

    Raises:
        ModelRefused: it is missing or does not fit the contract; a table's does not.
    """
    return _fitting(folder, _read(folder, MANIFEST, MAX_GOLDEN_BYTES), Manifest)


def read_any_manifest(folder: Traversable | Path) -> AnyManifest:
    """The manifest of a version, of a model or of a table.

    Raises:
        ModelRefused: it is missing or fits neither contract.
    """
    text = _read(folder, MANIFEST, MAX_GOLDEN_BYTES)
    if _is_of_table(text):
        return _fitting(folder, text, TableManifest)
    return _fitting(folder, text, Manifest)


def _is_of_table(text: bytes) -> bool:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("schema") == TABLE_SCHEMA


def _fitting(folder: Traversable | Path, text: bytes, kind: type[_Kind]) -> _Kind:
    try:
        manifest = kind.model_validate_json(text)
    except ValidationError as error:
        raise ModelRefused(f"{folder}/{MANIFEST}: {_first(error)}", "publish the version again") from error
    if folder.name != manifest.version:
        raise ModelRefused(
            f"{folder}: the manifest is of version {manifest.version}, and the folder must have that name"
        )
    return manifest


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'manifest'}: {problem['msg']}"


def _read(folder: Traversable | Path, name: str, largest: int, sha256: str | None = None) -> bytes:
    path = folder.joinpath(name)
    if isinstance(path, Path) and (path.is_symlink() or (path.exists() and path.stat().st_size > largest)):
        size = "a link" if path.is_symlink() else f"{path.stat().st_size} bytes"
        raise ModelRefused(f"{path}: a file of at most {largest} bytes is required, {size} came")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelRefused(
            f"{path}: cannot be read ({plainly(error)})", "publish the version again"
        ) from error
    if len(content) > largest:
        raise ModelRefused(f"{path}: at most {largest} bytes are allowed, {len(content)} came")
    came = hashlib.sha256(content).hexdigest()
    if sha256 is not None and came != sha256:
        raise ModelRefused(
            f"{path}: sha256 {sha256} is required, {came} came",
            "promote another version: it was changed after publishing",
        )
    return content
