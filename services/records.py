"""What the services write, and the interface of their writer. Knows no client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """One record to be written."""

    topic: str
    key: bytes | None
    value: bytes


class Writer(Protocol):
    """Writes records; what the services know of a broker."""

    @property
    def ready(self) -> bool:
        """Whether records can be expected to be taken."""
        ...

    async def start(self) -> None:
        """Begins to connect; does not wait."""

    async def send(self, records: Sequence[Record]) -> None:
        """Returns when all are acknowledged.

        Raises:
            BrokerUnavailable: they are not; some may be written all the same.
        """

    async def close(self) -> None:
        """Waits for what is on its way, and ends."""
