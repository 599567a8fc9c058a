"""The event types as small numbers: what state counts by and what rules are found by."""

from __future__ import annotations

from connectors.contracts.sessions import CUSTOM_COUNT
from connectors.contracts.vocabulary import CUSTOM_PREFIX, EVENT_TYPES, HEARTBEAT_TYPE

NAMES: tuple[str, ...] = (*EVENT_TYPES, CUSTOM_COUNT)  # by number; all custom types are one
CUSTOM = len(EVENT_TYPES)
HEARTBEAT = CUSTOM + 1
KIND: dict[str, int] = {**{name: kind for kind, name in enumerate(EVENT_TYPES)}, HEARTBEAT_TYPE: HEARTBEAT}

IDENTIFY, PURCHASE, CONSENT = KIND["identify"], KIND["purchase"], KIND["consent"]
ADD_TO_CART, REMOVE_FROM_CART, CART_VIEW = KIND["add_to_cart"], KIND["remove_from_cart"], KIND["cart_view"]
CHECKOUT_START, CHECKOUT_STEP, SCROLL = KIND["checkout_start"], KIND["checkout_step"], KIND["scroll"]


def kind_of(event_type: str) -> int | None:
    """The number of a type; None of one that the contract does not have.

    >>> kind_of("page_view"), kind_of("custom:favourite") == CUSTOM, kind_of("custom:"), kind_of("buy")
    (0, True, None, None)
    """
    kind = KIND.get(event_type)
    if kind is None and event_type.startswith(CUSTOM_PREFIX) and len(event_type) > len(CUSTOM_PREFIX):
        return CUSTOM
    return kind
