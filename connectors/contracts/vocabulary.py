"""The event types, once: schemas, pages, rules, counts and state take them from here. Pure."""

from __future__ import annotations

EVENT_TYPES: tuple[str, ...] = (
    "page_view",
    "product_view",
    "product_click",
    "product_list_view",
    "search",
    "click",
    "scroll",
    "form_start",
    "form_submit",
    "video_start",
    "video_progress",
    "video_complete",
    "promo_view",
    "promo_click",
    "add_to_cart",
    "remove_from_cart",
    "cart_view",
    "checkout_start",
    "checkout_step",
    "purchase",
    "refund",
    "identify",
    "consent",
)
CUSTOM_PREFIX = "custom:"
# Moves event time on when a partition is quiet; accepted, never forwarded, counted nowhere.
HEARTBEAT_TYPE = "heartbeat"


def known_type(event_type: str) -> bool:
    """Whether the contract has the type.

    >>> known_type("purchase"), known_type("custom:favourite"), known_type("custom:"), known_type("buy")
    (True, True, False, False)
    """
    if event_type.startswith(CUSTOM_PREFIX):
        return len(event_type) > len(CUSTOM_PREFIX)
    return event_type in EVENT_TYPES or event_type == HEARTBEAT_TYPE
