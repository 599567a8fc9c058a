"""The rules that a job runs: those of the settings' folder, with the spans that are settings. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.settings import Settings
from state.rules.pack import SHIPPED, load

CART_SPANS = {"within": 1_800_000, "recovered_within": 86_400_000}  # the settings' defaults


def active_rules(settings: Settings) -> list[Any]:
    """The active pack, in order of name.

    Raises:
        BadRule: a rule of the pack is refused.

    >>> active_rules(Settings())[0].name
    'bounce'
    """
    loaded = load([Path(settings.rules_dir) if settings.rules_dir else SHIPPED])
    return [_with_settings(one.rule, settings) for one in loaded]


def _with_settings(rule: Any, settings: Settings) -> Any:
    """Cart abandonment's spans are settings too, so that a demonstration need not wait half an hour."""
    if rule.name != "cart_abandoned":
        return rule
    spans = {"within": settings.cart_timeout_ms, "recovered_within": settings.cart_recovery_ms}
    changed = {name: span for name, span in spans.items() if span != CART_SPANS[name]}
    return rule.model_copy(update=changed)
