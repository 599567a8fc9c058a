"""Folders of data that are looked at while a service runs; a wrong change leaves what is in force."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from connectors.errors import BadInput

_LOG = logging.getLogger(__name__)
_Signature = tuple[tuple[str, int, int], ...]
Loaded = TypeVar("Loaded")


class FollowedFolder(Generic[Loaded]):
    """Follows a folder.

    Attributes:
        current: what is in force.
        refused: changes that were wrong.
    """

    def __init__(self, what: str, folder: Path | None, poll_ms: int, load: Callable[[], Loaded]) -> None:
        """Reads the folder for the first time.

        Args:
            what: its name in the log.
            folder: of `*.yaml`; None never changes.
            poll_ms: how often `follow` looks.
            load: reads it.

        Raises:
            BadInput: it is wrong; there is nothing else to run.
        """
        self._what, self._folder, self._poll_s, self._load = what, folder, poll_ms / 1000, load
        self._seen = self._signature()
        self.current: Loaded = load()
        self.refused = 0

    async def follow(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(self._poll_s)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Takes what has changed; what is wrong is logged once and leaves what is in force."""
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self.current = self._checked(self._load())
            _LOG.info("%s: the change is in force", self._what)
        except BadInput as error:
            self.refused += 1
            _LOG.error("%s is refused, what was before stays in force:\n%s", self._what, error)

    def _checked(self, loaded: Loaded) -> Loaded:
        """What may follow what is in force.

        Raises:
            BadInput: it may not.
        """
        return loaded

    def _signature(self) -> _Signature:
        if self._folder is None:
            return ()
        stats = [(path.name, path.stat()) for path in sorted(self._folder.glob("*.yaml"))]
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
