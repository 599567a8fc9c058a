"""What a model may take: the running features, and yes-or-no questions about the visit's context. Pure."""

from __future__ import annotations

from connectors.contracts.features import NAMES

INTENT, CHURN, CLUSTER = "purchase_intent", "churn_risk", "visitor_cluster"
MODELS = (INTENT, CHURN)  # a job does not start without them
OPTIONAL = (CLUSTER,)  # asked as soon as a version is live

DEVICES = ("mobile", "tablet")
# A channel answers to the first word of its name: `organic`, `Organic Search`, `organic_social`.
CHANNELS = ("direct", "organic", "paid", "email", "social", "referral")
# Types of the visitor's latest event that are distinguished.
LAST_TYPES = (
    "product_list_view", "search", "product_click", "product_view", "add_to_cart", "remove_from_cart",
    "cart_view", "checkout_start", "checkout_step",
)  # fmt: skip
CONTEXT: tuple[str, ...] = (
    *(f"is_{device}" for device in DEVICES),
    *(f"from_{channel}" for channel in CHANNELS),
    *(f"last_{kind}" for kind in LAST_TYPES),
)
OFFERED: tuple[str, ...] = (*NAMES, *CONTEXT)


def context_values(device: str | None, channel: str | None, event_type: str) -> tuple[float, ...]:
    """The answers to CONTEXT, 1 for yes.

    >>> sum(context_values("Mobile", "Organic Search", "search")), sum(context_values(None, None, "purchase"))
    (3.0, 0.0)
    """
    device, channel = (device or "").lower(), (channel or "").lower()
    return (
        *(float(device == name) for name in DEVICES),
        *(float(channel.startswith(name)) for name in CHANNELS),
        *(float(event_type == name) for name in LAST_TYPES),
    )


# Statements take elements of the vector's JSON text, which counts from 0, by these placeholders.
COLUMN_INDEX: dict[str, int] = {f"in_{name}": index for index, name in enumerate(NAMES)}
