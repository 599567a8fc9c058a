"""What a model may take: the running features, and yes-or-no questions about the visit's context. Pure."""

from __future__ import annotations

from connectors.features import NAMES

DEVICES = ("mobile", "tablet")
# A channel answers to the first word of its name: `organic`, `Organic Search`, `organic_social`.
CHANNELS = ("direct", "organic", "paid", "email", "social", "referral")
CONTEXT: tuple[str, ...] = (
    *(f"is_{device}" for device in DEVICES),
    *(f"from_{channel}" for channel in CHANNELS),
)
OFFERED: tuple[str, ...] = (*NAMES, *CONTEXT)
# The statements of state/scoring/ take elements of the vector by these placeholders; SQL counts from 1.
PLACES: dict[str, int] = {f"at_{name}": place for place, name in enumerate(NAMES, 1)}
