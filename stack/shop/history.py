"""A history of the generated shop, to train on."""

from __future__ import annotations

from itertools import islice

from jobs.offline.training.events import Messages
from stack.shop.shop import Shop

_SHOP_START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_SHOP_RATE = 0.5  # events a second, so that the generated span has days


def generated_events(count: int, seed: int) -> Messages:
    """Events of the generated shop, without its noise."""
    shop = Shop(seed, _SHOP_RATE, _SHOP_START_MS, noisy=False)
    return Messages(value for _, _, value in islice(shop, count) if value is not None)
