"""The segments on a worker: those that travelled with the job, then those of their folder, as they change."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from state.segments.definition import compiled
from state.segments.language.cutoffs import FILE
from state.segments.language.folder import SegmentFolder, read
from state.segments.membership import Segments
from udfs.followed import Followed

_LOG = logging.getLogger(__name__)
_DAY_MS = 86_400_000


class HasSegments(Protocol):
    """A logic with segments."""

    segments: Segments


def segments_of(folder: SegmentFolder) -> Segments:
    """The segments at work."""
    made = (compiled(rule, folder.cutoffs) for rule in folder.rules)
    return Segments([one for one in made if one is not None])


class SegmentsWatch:
    """Looks now and then whether the folder of the segments has changed.

    Attributes:
        segments: those at work.
    """

    def __init__(
        self, travelled: SegmentFolder, segments_dir: str, group: Any, now_ms: Callable[[], int]
    ) -> None:
        """Compiles the segments that travelled with the job.

        Args:
            travelled: as they were read.
            segments_dir: the folder to follow, as this worker sees it; empty: they never change.
            group: of metrics: `cutoffs_age_days` and `cutoffs_stale` are those to watch.
            now_ms: the wall clock, epoch milliseconds.
        """
        self._now_ms, self.segments = now_ms, segments_of(travelled)
        self._files = Followed("segments", segments_dir, travelled, read, group, "*.yaml", FILE)
        group.gauge("cutoffs_age_days", self._age_days)
        group.gauge("cutoffs_stale", lambda: int(now_ms() > self.segments.valid_until))
        self._reload()

    def renew(self, logic: HasSegments) -> None:
        """Gives the logic the folder's segments where these have changed; refused ones change nothing."""
        if self._reload():
            logic.segments = self.segments

    def _reload(self) -> bool:
        if not self._files.has_changed():
            return False
        self.segments = segments_of(self._files.found)
        names = (f"{rule.name}/{rule.version}" for rule in self._files.found.rules)
        _LOG.info("Segments at work: %s", ", ".join(names))
        return True

    def _age_days(self) -> int:
        """Of the cut-offs; -1 where there are none."""
        cutoffs = self._files.found.cutoffs
        return -1 if cutoffs is None else (self._now_ms() - cutoffs.as_of_ms) // _DAY_MS
