"""The contracts of signals (something is so for a visitor) and triggers (do something about it). Pure."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH

SIGNAL_SCHEMA = "signal/1"
TRIGGER_SCHEMA = "trigger/1"
SignalStatus = Literal["active", "retracted", "recovered", "expired"]
SIGNAL_STATUSES: tuple[SignalStatus, ...] = get_args(SignalStatus)
TriggerStatus = Literal["due", "cancelled", "suppressed"]
TRIGGER_STATUSES: tuple[TriggerStatus, ...] = get_args(TriggerStatus)

_ID_PATTERN = "^[0-9a-f]{32}$"
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


def signal_id(kind: str, rule_name: str, visitor_id: str, anchor: str) -> str:
    r"""First 32 hex digits of SHA-256 over the parts joined by ``\n``.

    The anchor identifies the occurrence (start of the session, id of the last cart event …). The rule's
    version is not part of it: a corrected rule replaces its old signals instead of adding to them.

    Args:
        kind: the signal's kind.
        rule_name: name of the rule or model.
        visitor_id: whose.
        anchor: what the occurrence hangs on.

    >>> signal_id("cart_abandonment", "cart_abandonment", "v", "e")
    'd7aa00f28fbc839fa517279671cf40f0'
    """
    return _digest(kind, rule_name, visitor_id, anchor)


def trigger_id(for_signal_id: str, action: str, step: str = "") -> str:
    """First 32 hex digits of SHA-256 over signal, action and audience step, so that each triggers once.

    >>> trigger_id("0" * 32, "send_cart_offer", "first")
    '141da7f26e2668bf8e8cea7d7dc9326e'
    """
    return _digest(for_signal_id, action, step)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class RuleRef(BaseModel):
    """The rule that found the signal."""

    model_config = _STRICT

    name: str = Field(min_length=1)
    version: int = Field(ge=1)


class ModelRef(BaseModel):
    """The model that found the signal."""

    model_config = _STRICT

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Signal(BaseModel):
    """Something that is so for a visitor.

    Attributes:
        signal_id: `signal_id` of kind, rule or model, visitor and anchor; the id of the document.
        kind: what it is about.
        visitor_id: for whom.
        occurred_at_ms: event time at which it became true, epoch milliseconds.
        detected_at_ms: wall clock at which Footfall said so, epoch milliseconds.
        expires_at_ms: from then on nobody shall act on it, epoch milliseconds.
        session_id: the session that it is about, when it is about one.
        status: one of SIGNAL_STATUSES.
        version: event-time milliseconds of the last change; a higher one replaces a lower one.
        rule: the rule that found it; exactly one of rule and model is there.
        model: the model that found it.
        score: of the model.
        evidence: event ids, counts, values: enough to say why.
        context: attributes to filter by (device, country …).
    """

    model_config = _STRICT

    signal_id: str = Field(pattern=_ID_PATTERN)
    kind: str = Field(min_length=1)
    visitor_id: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    occurred_at_ms: int = Field(ge=0)
    detected_at_ms: int = Field(ge=0)
    expires_at_ms: int = Field(ge=0)
    session_id: str | None = Field(default=None, pattern=_ID_PATTERN)
    status: SignalStatus
    version: int = Field(ge=0)
    rule: RuleRef | None = None
    model: ModelRef | None = None
    score: float | None = None
    evidence: dict[str, Any]
    context: dict[str, Any]

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if (self.rule is None) == (self.model is None):
            came = "neither" if self.rule is None else "both"
            raise ValueError(f"exactly one of rule and model is required, {came} came")
        return self

    def to_document(self) -> dict[str, Any]:
        """The JSON object; a field without a value is left out."""
        return self.model_dump(exclude_none=True)


class Trigger(BaseModel):
    """What marketing shall do, once; or that it shall not any more; or why it never was asked to.

    Attributes:
        trigger_id: `trigger_id` of signal, action and audience step.
        signal_id: why.
        visitor_id: for whom.
        action: what to do, e.g. ``send_cart_offer``.
        status: one of TRIGGER_STATUSES; cancelled comes after due, with the same id.
        reason: why it is cancelled or suppressed.
        variant: arm of the experiment, or None outside of one.
        decided_at_ms: event time of the change of the signal that led to it, epoch milliseconds.
        due_at_ms: when, epoch milliseconds.
        expires_at_ms: from then on nobody shall do it, epoch milliseconds.
        payload: what the action needs.
    """

    model_config = _STRICT

    trigger_id: str = Field(pattern=_ID_PATTERN)
    signal_id: str = Field(pattern=_ID_PATTERN)
    visitor_id: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    action: str = Field(min_length=1)
    status: TriggerStatus
    reason: str | None = None
    variant: str | None = None
    decided_at_ms: int = Field(ge=0)
    due_at_ms: int = Field(ge=0)
    expires_at_ms: int = Field(ge=0)
    payload: dict[str, Any]

    def to_document(self) -> dict[str, Any]:
        """The JSON object; a field without a value is left out."""
        return self.model_dump(exclude_none=True)
