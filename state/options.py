"""What the engine's answers depend on: spans, caps and switches, which jobs/settings.py takes over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from state.logic import NEVER

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# Kinds of documents that somebody may want (state/logic.py: Document.kind).
KINDS = frozenset(
    ("valid", "late", "rejected", "signal", "session", "alias", "features", "score", "shadow", "visitor")
)
NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
ASecondOrMore = Annotated[int, Field(ge=1_000)]


class SettingsGroup(BaseModel):
    """Settings of one concern; a field's name carries its unit, the text below it is its help."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )


class EngineSettings(SettingsGroup):
    """The engine."""

    bounded: bool = False
    """read up to the offsets found at the start, then end with the final watermark"""
    dedup_ttl_ms: ASecondOrMore = DAY_MS
    """how long an event_id is remembered after it was last seen"""
    session_gap_ms: Positive = 30 * MINUTE_MS
    """a gap of more than this starts a new session"""
    session_max_ms: Positive = DAY_MS
    """a session that lasts so long is closed without a gap"""
    session_max_events: Positive = 5_000
    """a session of so many events is closed without a gap"""
    visitor_step_ms: ASecondOrMore = MINUTE_MS
    """a visitor in the index is brought up to date at most so often"""
    cart_timeout_ms: Positive = 30 * MINUTE_MS
    """an add_to_cart with no purchase for so long is an abandonment"""
    cart_recovery_ms: Positive = DAY_MS
    """a purchase up to so long after the abandonment recovers it"""
    signal_expires_after_ms: Positive = 7 * DAY_MS
    """a signal's expires_at_ms after it occurred"""
    rule_memory_ms: Positive = 400 * DAY_MS
    """how long rules that look back for months remember (orders: the last of a visitor)"""
    visitor_memory_ms: ASecondOrMore = 90 * DAY_MS
    """how long a silent visitor's identity and last word on consent are remembered"""
    scoring: bool = True
    """false: no model scores anybody"""
    score_every_events: NotNegative = 5
    """purchase intent after each so-manieth event of a session; 0 = not so"""
    score_max_events: Positive = 100
    """purchase intent up to this event of a session, none in the rest"""
    consent_required: bool = False
    """true: only who has said granted last gets through"""
    bot_events_per_minute: NotNegative = 300
    """more events of a visitor in a minute hold it back; 0 = no cap"""
    bot_events_per_day: NotNegative = 5_000
    """more events of a visitor in a day (UTC) hold it back; 0 = no cap"""
    bot_quarantine_ms: Positive = 30 * MINUTE_MS
    """how long a visitor is held back after the last event over a cap"""
    rejected_payloads: bool = True
    """false: dead letters name the place of a message, without its bytes"""


class Options(EngineSettings):
    """The settings of the engine, and what no setting says.

    Attributes:
        emits: the kinds of documents that somebody reads; others are not made.
        job_version: what dead letters are signed with.
    """

    emits: frozenset[str] = KINDS
    job_version: str = "0"

    @classmethod
    def of(cls, settings: EngineSettings, emits: Iterable[str] = KINDS, job_version: str = "0") -> Self:
        """Those of the settings that the engine knows, and what no setting says.

        >>> Options.of(EngineSettings(session_gap_ms=5), ["signal"]).session_gap_ms
        5
        """
        known = {name: getattr(settings, name) for name in EngineSettings.model_fields}
        return cls(**known, emits=frozenset(emits), job_version=job_version)

    def replace(self, **changes: Any) -> Self:
        """A copy with some values changed.

        Raises:
            pydantic.ValidationError: an unknown name, or a value that does not fit.
        """
        return self.model_validate({**dict(self), **changes})

    def memory_ms(self, has_bought: bool) -> int:
        """How long a silent visitor is remembered."""
        if self.bounded:
            return NEVER
        return max(self.rule_memory_ms, self.visitor_memory_ms) if has_bought else self.visitor_memory_ms
