"""The members of a signal that every reader of the signals topic decodes; each adds those that it needs."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from connectors.contracts.signals import SignalStatus

Time = Annotated[int, Meta(ge=0)]
VisitorId = Annotated[str, Meta(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)]


class Context(Struct):
    """What of a signal's context matters to a reader."""

    consent: Any = None
    anonymous_id: Any = None


class SignalHead(Struct):
    """One version of a signal as it is in the topic."""

    signal_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    visitor_id: VisitorId
    kind: Annotated[str, Meta(min_length=1)]
    status: SignalStatus
    version: Time
    occurred_at_ms: Time
    expires_at_ms: Time
