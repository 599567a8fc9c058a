"""What the engine's answers depend on: spans, caps and switches, by the names of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from state.logic import NEVER

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# Kinds of documents that somebody may want (state/logic.py: Document.kind).
KINDS = frozenset(
    ("valid", "late", "rejected", "signal", "session", "alias", "features", "score", "shadow", "visitor")
)


@dataclass(frozen=True)
class Options:
    """The settings of the engine; jobs/settings.py says what each is for.

    Attributes:
        bounded: a read with an end: nobody is forgotten.
        emits: the kinds of documents that somebody reads; others are not made.
        job_version: what dead letters are signed with.
    """

    dedup_ttl_ms: int = DAY_MS
    session_gap_ms: int = 30 * MINUTE_MS
    session_max_ms: int = DAY_MS
    session_max_events: int = 5_000
    visitor_step_ms: int = MINUTE_MS
    cart_timeout_ms: int = 30 * MINUTE_MS
    cart_recovery_ms: int = DAY_MS
    signal_expires_after_ms: int = 7 * DAY_MS
    visitor_memory_ms: int = 90 * DAY_MS
    rule_memory_ms: int = 400 * DAY_MS
    scoring: bool = True
    score_every_events: int = 5
    score_max_events: int = 100
    consent_required: bool = False
    bot_events_per_minute: int = 300
    bot_events_per_day: int = 5_000
    bot_quarantine_ms: int = 30 * MINUTE_MS
    rejected_payloads: bool = True
    bounded: bool = False
    emits: frozenset[str] = KINDS
    job_version: str = "0"

    @classmethod
    def of(cls, settings: Mapping[str, Any], **more: Any) -> Options:
        """Those of the settings that the engine knows, and what no setting says.

        >>> Options.of({"session_gap_ms": 5, "parallelism": 2}, bounded=True).session_gap_ms
        5
        """
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in known}, **more)

    def memory_ms(self, has_bought: bool) -> int:
        """How long a silent visitor is remembered."""
        if self.bounded:
            return NEVER
        return max(self.rule_memory_ms, self.visitor_memory_ms) if has_bought else self.visitor_memory_ms
