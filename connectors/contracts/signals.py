"""The contracts of signals (something is so for a visitor) and triggers (do something about it). Pure."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from connectors.contracts.strict import STRICT, Count, Ordinal

SIGNAL_SCHEMA = "signal/1"
TRIGGER_SCHEMA = "trigger/1"
SignalStatus = Literal["active", "retracted", "recovered", "expired"]
SIGNAL_STATUSES: tuple[SignalStatus, ...] = get_args(SignalStatus)
TriggerStatus = Literal["due", "cancelled", "suppressed"]
TRIGGER_STATUSES: tuple[TriggerStatus, ...] = get_args(TriggerStatus)

_ID_PATTERN = "^[0-9a-f]{32}$"
_ONE_ORIGIN: dict[str, Any] = {
    "oneOf": [
        {"required": ["rule"], "properties": {"rule": {"type": "object"}, "model": {"type": "null"}}},
        {"required": ["model"], "properties": {"model": {"type": "object"}, "rule": {"type": "null"}}},
    ]
}


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

    model_config = STRICT

    name: str = Field(min_length=1)
    """Name."""
    version: Ordinal
    """Version."""


class ModelRef(BaseModel):
    """The model that found the signal."""

    model_config = STRICT

    name: str = Field(min_length=1)
    """Name."""
    version: str = Field(min_length=1)
    """Version."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the model file."""


class Signal(BaseModel):
    """Something that is so for a visitor. Exactly one of rule and model is there. Null means absent."""

    model_config = ConfigDict(**STRICT, json_schema_extra=_ONE_ORIGIN)

    signal_id: str = Field(pattern=_ID_PATTERN)
    """First 32 hex digits of SHA-256 over kind, rule or model, visitor_id and anchor, joined by newlines."""
    kind: str = Field(min_length=1)
    """What it is about."""
    visitor_id: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    """For whom."""
    occurred_at_ms: Count
    """Event time at which it became true. Epoch milliseconds, UTC."""
    detected_at_ms: Count
    """Wall clock at which Footfall said so. Epoch milliseconds, UTC."""
    expires_at_ms: Count
    """Not to be acted on from then on. Epoch milliseconds, UTC."""
    session_id: str | None = Field(default=None, pattern=_ID_PATTERN)
    """The session that it is about."""
    status: SignalStatus
    """State of the signal; `expired` is reserved: not written yet."""
    version: Count
    """Event-time milliseconds of the last change; a higher one replaces a lower one."""
    rule: RuleRef | None = None
    """The rule that found it."""
    model: ModelRef | None = None
    """The model that found it."""
    score: float | None = None
    """Of the model."""
    evidence: dict[str, Any]
    """Event ids, counts, values: enough to say why."""
    context: dict[str, Any]
    """Attributes to filter by; `anonymous_id` is the device, where that is not the visitor itself."""

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
    """What marketing shall do, once; or no longer; or why it was not asked. Null means absent."""

    model_config = STRICT

    trigger_id: str = Field(pattern=_ID_PATTERN)
    """First 32 hex digits of SHA-256 over signal_id, action and audience step, joined by newlines."""
    signal_id: str = Field(pattern=_ID_PATTERN)
    """Why."""
    visitor_id: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    """For whom."""
    action: str = Field(min_length=1)
    """What to do."""
    status: TriggerStatus
    """due, cancelled (after due, same id) or suppressed."""
    reason: str | None = None
    """Why it is cancelled or suppressed."""
    variant: str | None = None
    """`experiment/version/arm` of each experiment of the action, comma separated; null outside."""
    unit: str | None = Field(default=None, min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    """Whose arms these are: the signal's device; only of what is due or held out in an experiment."""
    decided_at_ms: Count
    """Event time of the signal's change that led to it. Epoch milliseconds, UTC."""
    due_at_ms: Count
    """When. Epoch milliseconds, UTC."""
    expires_at_ms: Count
    """Not to be done from then on. Epoch milliseconds, UTC."""
    payload: dict[str, Any]
    """What the action needs."""

    def to_document(self) -> dict[str, Any]:
        """The JSON object; a field without a value is left out."""
        return self.model_dump(exclude_none=True)
