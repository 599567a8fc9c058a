"""What the engine's answers depend on: spans, caps and switches, by the names of the settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from state.logic import NEVER

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# Kinds of documents that may be wanted (state/logic.py: Document.kind).
KINDS = frozenset(
    (
        "valid",
        "late",
        "rejected",
        "signal",
        "session",
        "alias",
        "features",
        "score",
        "shadow",
        "visitor",
        "segment",
    )
)


@dataclass(frozen=True)
class Options:
    """The settings of the engine and their defaults, and what no setting says.

    A plain class: a member of a pydantic model costs five times as much to read, and events read some twenty.

    Attributes:
        emits: the kinds of documents that have readers; others are not made.
        job_version: what dead letters are signed with.
    """

    bounded: bool = False
    read_until_ms: int = 0
    dedup_ttl_ms: int = DAY_MS
    session_gap_ms: int = 30 * MINUTE_MS
    session_max_ms: int = DAY_MS
    session_max_events: int = 5_000
    visitor_step_ms: int = MINUTE_MS
    cart_timeout_ms: int = 30 * MINUTE_MS
    cart_recovery_ms: int = DAY_MS
    signal_expires_after_ms: int = 7 * DAY_MS
    rule_memory_ms: int = 400 * DAY_MS
    visitor_memory_ms: int = 90 * DAY_MS
    scoring: bool = True
    score_every_events: int = 5
    score_max_events: int = 100
    consent_required: bool = False
    bot_events_per_minute: int = 300
    bot_events_per_day: int = 5_000
    bot_quarantine_ms: int = 30 * MINUTE_MS
    rejected_payloads: bool = True
    emits: frozenset[str] = KINDS
    job_version: str = "0"

    @classmethod
    def of(cls, settings: object, emits: Iterable[str] = KINDS, job_version: str = "0") -> Self:
        """Those of the settings that the engine knows, by their names, and what no setting says.

        >>> Options.of(Options(session_gap_ms=5), ["signal"]).session_gap_ms
        5
        """
        known = {name: getattr(settings, name) for name in cls.of_settings()}
        return cls(**known, emits=frozenset(emits), job_version=job_version)

    @classmethod
    def of_settings(cls) -> list[str]:
        """Names of the members that are settings."""
        return [one.name for one in fields(cls) if one.name not in ("emits", "job_version")]

    def replace(self, **changes: Any) -> Self:
        """A copy with some values changed."""
        return replace(self, **changes)

    def memory_ms(self, has_bought: bool) -> int:
        """How long a silent visitor is remembered."""
        if self.bounded:
            return NEVER
        return max(self.rule_memory_ms, self.visitor_memory_ms) if has_bought else self.visitor_memory_ms
