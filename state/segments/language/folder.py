"""A folder of segments: its files, and the cut-offs beside them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from state.segments.language.cutoffs import FILE, Cutoffs, read_cutoffs
from state.segments.language.loading import SHIPPED as SHIPPED
from state.segments.language.loading import AnySegmentation, load


class SegmentFolder(NamedTuple):
    """What lies in a folder of segments; `cutoffs` is None where there are none."""

    rules: tuple[AnySegmentation, ...]
    cutoffs: Cutoffs | None


def read(folder: Path) -> SegmentFolder:
    """Reads a folder.

    Raises:
        BadInput: a file is refused.
    """
    file = folder / FILE
    cutoffs = read_cutoffs(file) if file.exists() else None
    return SegmentFolder(tuple(one.rule for one in load([folder])), cutoffs)
