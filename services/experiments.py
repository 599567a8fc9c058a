"""Experiments as decisions see them: who is in which arm. The seam; there are no experiments yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Arms = Mapping[str, str]  # experiment -> arm


@dataclass(frozen=True)
class Experiments:
    """All experiments in force. None yet."""


def assign(experiments: Experiments, unit: str) -> Arms:
    """The arms of a unit (a device), the same for ever for the same experiments. Pure.

    >>> assign(Experiments(), "d-1")
    {}
    """
    return {}
