"""How often an address may ask: a bucket of tokens each, bounded memory. Pure but for its own state."""

from __future__ import annotations

from collections import OrderedDict


class RateLimit:
    """So many requests at once, and so many a second in the long run, for each address.

    >>> limit = RateLimit(per_s=1.0, burst=2)
    >>> [limit.takes("a", 0.0), limit.takes("a", 0.0), limit.takes("a", 0.5), limit.takes("a", 1.1)]
    [True, True, False, True]
    """

    def __init__(self, per_s: float, burst: int, addresses: int = 100_000) -> None:
        """Sets the limit.

        Args:
            per_s: requests a second that a bucket is filled with.
            burst: requests that a full bucket allows.
            addresses: remembered at most; the one that asked least recently is forgotten.
        """
        self._per_s, self._burst, self._most = per_s, float(burst), addresses
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def takes(self, address: str, now_s: float) -> bool:
        """Whether the address may ask now; asking costs a token."""
        left, at_s = self._buckets.pop(address, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at_s) * self._per_s)
        may = left >= 1.0
        self._buckets[address] = (left - 1.0 if may else left, now_s)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return may
