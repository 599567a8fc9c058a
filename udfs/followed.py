"""A folder of files that a worker follows: what they say now, and whether that has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from connectors.errors import BadInput
from connectors.wording import plainly

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
Stamp = tuple[tuple[str, int, int], ...]


class Followed(Generic[T]):
    """What a folder's files say.

    Attributes:
        found: what they say; of files that are refused, what they said before.
    """

    def __init__(
        self, what: str, folder: str, travelled: T, read: Callable[[Path], T], group: Any, *patterns: str
    ) -> None:
        """Notes the folder; nothing is read yet.

        Args:
            what: is in it, for the log.
            folder: as this worker sees it; empty: nothing ever changes.
            travelled: what came with the job.
            read: reads the folder; raises BadInput where it refuses.
            group: of metrics.
            patterns: names of its files; *.yaml if none are given.
        """
        self._what, self._folder = what, Path(folder) if folder else None
        self.found, self._read, self._patterns = travelled, read, patterns or ("*.yaml",)
        self._seen: Stamp = ()
        self._renewed, self._refused = group.counter("renewed"), group.counter("refused")

    def has_changed(self) -> bool:
        """Whether the folder says something else than before; that is then in `found`."""
        stamp = self._stamp()
        if self._folder is None or not stamp or stamp == self._seen:
            return False
        self._seen = stamp
        try:
            found = self._read(self._folder)
        except (BadInput, OSError) as error:
            self._refused.inc()
            what, folder = self._what, self._folder
            _LOG.error("The %s of %s are refused, the old ones stay: %s", what, folder, plainly(error))
            return False
        if found == self.found:
            return False
        self.found = found
        self._renewed.inc()
        return True

    def _stamp(self) -> Stamp:
        """What tells one state of the folder from another; empty where it cannot be read."""
        if self._folder is None:
            return ()
        try:
            files = sorted(path for one in self._patterns for path in self._folder.glob(one))
            return tuple((path.name, (stat := path.stat()).st_mtime_ns, stat.st_size) for path in files)
        except OSError as error:
            what, folder = self._what, self._folder
            _LOG.warning("The folder %s cannot be read, its %s stay: %s", folder, what, plainly(error))
            return ()
