"""Ids of canaries: synthetic visitors by which `scripts/observe` sees that signals arrive. Pure.

Its events go the way of all events. Because nobody is behind it, its id gets no pseudonym, no model is asked
about it, and no trigger is sent for its signals.
"""

from __future__ import annotations

PREFIX = "footfall-canary-"


def is_canary(visitor_id: str) -> bool:
    """Whether nobody is behind the id.

    >>> is_canary("footfall-canary-1700000000000"), is_canary("canary-7")
    (True, False)
    """
    return visitor_id.startswith(PREFIX)
