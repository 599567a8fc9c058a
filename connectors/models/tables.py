"""Tables of related items: the content of a version, and the live one of a registry, followed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from connectors.contracts.table_manifest import TableManifest
from connectors.errors import ModelRefused
from connectors.models.files import read_any_manifest, read_table
from connectors.models.registry import Registry
from connectors.wording import plainly

RELATED = "related_items"  # the table's name in the registry
Related = Sequence[tuple[str, float]]  # items and scores, the best first


class _Line(msgspec.Struct):
    item_id: str
    related: tuple[tuple[str, float], ...]


_decode = msgspec.json.Decoder(_Line).decode


def to_lines(table: Iterable[tuple[str, Related]]) -> bytes:
    """The text of table.jsonl, a line an item.

    >>> to_lines([("mug", [("cup", 0.5)])]).splitlines()
    [b'{"item_id":"mug","related":[["cup",0.5]]}']
    """
    lines = (_Line(item, tuple((other, score) for other, score in related)) for item, related in table)
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def load_table(folder: Traversable | Path) -> tuple[TableManifest, dict[str, Related]]:
    """The table in a version's folder, after every check.

    Raises:
        ModelRefused: a file is missing, linked, too large or not the one of the manifest, the version is of
            a model or did not pass the gate, or a line is none.
    """
    manifest = read_any_manifest(folder)
    if not isinstance(manifest, TableManifest):
        raise ModelRefused(f"{folder}: a table of related items is required, a model came")
    if manifest.objections:
        raise ModelRefused(f"{folder}: the gate refused it: {manifest.objections[0]}", "fit with more events")
    lines = read_table(folder, manifest).splitlines()
    try:
        table: dict[str, Related] = {line.item_id: line.related for line in map(_decode, lines)}
    except msgspec.MsgspecError as error:
        raise ModelRefused(f"{folder}: a line is no item's ({plainly(error)})", "fit it again") from error
    if len(table) != len(lines) or not table:
        raise ModelRefused(
            f"{folder}: each item once, and at least one, is required, {len(lines)} lines came"
        )
    return manifest, table


class LiveTable:
    """The live version of a registry's table; a new one is taken at the next `refresh`.

    Args:
        registry: where it is published.
        name: of the table.
    """

    def __init__(self, registry: Registry, name: str = RELATED) -> None:
        self._registry, self._name = registry, name
        self._stamp, self._table = 0, dict[str, Related]()
        self.version: str | None = None

    def refresh(self) -> bool:
        """Looks whether another version is live, one stat; returns whether one was taken.

        Raises:
            ModelRefused: the live version is not sound; the one before stays, until the pointer changes.
        """
        stamp = self._registry.stamp(self._name)
        if stamp == self._stamp:
            return False
        self._stamp = stamp  # first: what is wrong is raised once, until the pointer changes
        pointer = self._registry.pointer(self._name)
        if pointer is None:
            self.version, self._table = None, {}
            return True
        manifest, table = load_table(self._registry.folder(self._name, pointer.version))
        if (manifest.name, manifest.sha256) != (self._name, pointer.sha256):
            raise ModelRefused(
                f"{self._name} {pointer.version}: the pointer means another table",
                "promote the version again",
            )
        self.version, self._table = manifest.version, table
        return True

    def related(self, item_id: str) -> Related:
        """Related items of one, the best first; none of an unknown one."""
        return self._table.get(item_id, ())
