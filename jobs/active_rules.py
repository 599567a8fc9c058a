"""The rules and segments that a job is submitted with: those of the settings' folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.settings import Settings
from state.rules.language.loading import SHIPPED, load
from state.segments.language import folder as segment_folder
from state.segments.language.folder import SegmentFolder


def active_rules(settings: Settings) -> list[Any]:
    """The active pack, in order of name.

    Raises:
        BadRule: a rule of the pack is refused.

    >>> active_rules(Settings())[0].name
    'bounce'
    """
    return [one.rule for one in load([Path(settings.rules_dir) if settings.rules_dir else SHIPPED])]


def active_segments(settings: Settings) -> SegmentFolder:
    """The active segments and their cut-offs.

    Raises:
        BadInput: a file is refused.

    >>> [rule.name for rule in active_segments(Settings()).rules]
    ['lifecycle', 'rfm']
    """
    return segment_folder.read(
        Path(settings.segments_dir) if settings.segments_dir else segment_folder.SHIPPED
    )
