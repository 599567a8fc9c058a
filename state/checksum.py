"""The ledger's checksum: an order-free sum of the event ids' hashes, so that two ledgers can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

_LONGEST = 2 * 128  # code units of an event id
_POWERS = tuple(pow(31, place, 1 << 32) for place in reversed(range(_LONGEST)))


def id_hash(event_id: str) -> int:
    """The id's hash as Java and SQL's HASH_CODE have it: over UTF-16 code units, a signed number of 32 bits.

    >>> id_hash("abc"), id_hash(""), id_hash("polygenelubricants")
    (96354, 0, -2147483648)
    """
    units: Sequence[int]
    units = event_id.encode() if event_id.isascii() else memoryview(event_id.encode("utf-16-le")).cast("H")
    found: int = sum(map(mul, units, _POWERS[_LONGEST - len(units) :])) & 0xFFFFFFFF
    return found - (1 << 32) if found >> 31 else found
