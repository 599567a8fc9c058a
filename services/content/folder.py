"""The content in force: a folder that is looked at; a wrong file leaves the version that runs."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from services.content.loading import SHIPPED, BadContent, Content, load

_LOG = logging.getLogger(__name__)
_Signature = tuple[tuple[str, int, int], ...]


class ContentFolder:
    """Follows a folder."""

    def __init__(self, folder: str = "", poll_ms: int = 2_000) -> None:
        """Reads the folder for the first time.

        Args:
            folder: of `*.yaml`; empty takes the shipped example.
            poll_ms: how often `follow` looks.

        Raises:
            BadContent: it is wrong; there is nothing else to run.
        """
        self._folder, self._poll_s = Path(folder) if folder else SHIPPED, poll_ms / 1000
        self._seen = self._signature()
        self.content: Content = load(self._folder)
        self.refused = 0

    async def follow(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(self._poll_s)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Takes what has changed; what is wrong is said once and leaves what is in force."""
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self.content = load(self._folder)
            _LOG.info("content %s is in force", self.content.version)
        except BadContent as error:
            self.refused += 1
            _LOG.error("content is refused, %s stays in force:\n%s", self.content.version, error)

    def _signature(self) -> _Signature:
        stats = [(path.name, path.stat()) for path in sorted(self._folder.glob("*.yaml"))]
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
