"""What is remembered, as bytes: a version, then the struct as a list (msgpack).

A release may put members at the end of a struct as long as they have a default: older bytes are read as they
are. Whatever else changes is a new version with a migration: a function from the old list to the new one.
Bytes of each version lie in tests/unit/state/ and are read there for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from connectors.contracts.errors import StateTooNew

T = TypeVar("T")
Migration = Callable[[list[Any]], list[Any]]


class Codec(Generic[T]):
    """Bytes of one kind of entity.

    Args:
        kind: its struct.
        version: of the bytes that are written, 1 to 255.
        migrations: by older version, how its list becomes that of the next version.
    """

    def __init__(
        self, kind: type[T], version: int, migrations: Mapping[int, Migration] | None = None
    ) -> None:
        self._kind, self._version, self._migrations = kind, version, dict(migrations or {})
        self._head = bytes([version])
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def encode(self, entity: T) -> bytes:
        """The entity as bytes."""
        return self._head + self._encode(entity)

    def decode(self, data: bytes) -> T:
        """The entity again.

        Raises:
            StateTooNew: a newer version wrote the bytes.
        """
        if data[0] == self._version:
            return self._decode(memoryview(data)[1:])
        return self._migrated(data)

    def check(self, data: bytes | memoryview) -> None:
        """Looks at the version alone, the first byte.

        Raises:
            StateTooNew: a newer version wrote the bytes.
        """
        if data[0] > self._version:
            version, name = data[0], self._kind.__name__
            raise StateTooNew(
                f"the state of a {name} has version {version}, this release reads up to {self._version}"
            )

    def _migrated(self, data: bytes) -> T:
        self.check(data)
        members: list[Any] = msgspec.msgpack.decode(memoryview(data)[1:])
        for step in range(data[0], self._version):
            members = self._migrations[step](members)
        return msgspec.convert(members, self._kind)
