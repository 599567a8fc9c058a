"""The rules that a job is submitted with: those of the settings' folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.settings import Settings
from state.rules.language.loading import SHIPPED, load


def active_rules(settings: Settings) -> list[Any]:
    """The active pack, in order of name.

    Raises:
        BadRule: a rule of the pack is refused.

    >>> active_rules(Settings())[0].name
    'bounce'
    """
    return [one.rule for one in load([Path(settings.rules_dir) if settings.rules_dir else SHIPPED])]
