"""The nightly table of related items, followed in the registry: it answers where the index has nothing."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from connectors.errors import ModelRefused
from connectors.models.registry import Registry
from connectors.models.tables import RELATED, LiveTable, Related
from connectors.wording import plainly

_LOG = logging.getLogger(__name__)


class NightlyTable:
    """The live version of the table; without a folder there is none.

    Attributes:
        refused: versions that were not sound; each left the one before.
    """

    def __init__(self, folder: str = "", poll_ms: int = 2_000) -> None:
        """Reads the live version for the first time; none is needed.

        Args:
            folder: of the registry.
            poll_ms: how often `follow` looks.
        """
        self._table = LiveTable(Registry(Path(folder))) if folder else None
        self._poll_s = poll_ms / 1000
        self.refused = 0
        self.look()
        if folder and self.version is None:
            _LOG.warning("%s: no version of %s is live there yet", folder, RELATED)

    @property
    def version(self) -> str | None:
        """The version in force."""
        return self._table.version if self._table else None

    def related(self, item_id: str) -> Related:
        """What goes with an item, the best first; nothing of an unknown one."""
        return self._table.related(item_id) if self._table else ()

    async def follow(self) -> None:
        """Looks for ever."""
        while self._table is not None:
            await asyncio.sleep(self._poll_s)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Takes a version that has become live; one that is not sound is logged once and changes nothing."""
        try:
            if self._table is not None and self._table.refresh():
                _LOG.info("%s: version %s is in force", RELATED, self.version)
        except (ModelRefused, OSError) as error:
            self.refused += 1
            _LOG.error("%s is refused, what was before stays in force: %s", RELATED, plainly(error))
