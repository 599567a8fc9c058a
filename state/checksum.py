"""The ledger's checksum: an order-free sum of the event ids' hashes, so that two ledgers can be compared."""

from __future__ import annotations

# The hash is the id's code units as the digits of a number in base 31. Python reads such numbers (its digits
# are 0 to 9 and a to u) quicker than it adds them up; a unit is larger than a digit, so it is cut into two.
_DIGITS = b"0123456789abcdefghijklmnopqrstu"
_HIGH = bytes(_DIGITS[unit // 31] for unit in range(256))
_LOW = bytes(_DIGITS[unit % 31] for unit in range(256))
_SMALLEST = 1 << 31


def id_hash(event_id: str) -> int:
    """The id's hash as SQL's HASH_CODE has it: Java's, over UTF-16 code units, 32 bits, without its sign.

    The smallest number keeps it, because it has no opposite.

    >>> id_hash("abc"), id_hash(""), id_hash("polygenelubricants"), id_hash("ü")
    (96354, 0, -2147483648, 252)
    """
    if event_id.isascii():
        units = event_id.encode() or b"\0"
        found = 31 * int(units.translate(_HIGH), 31) + int(units.translate(_LOW), 31)
    else:
        found = 0
        for unit in memoryview(event_id.encode("utf-16-le")).cast("H"):
            found = 31 * found + unit
    found &= 0xFFFFFFFF
    return found if found < _SMALLEST else (1 << 32) - found if found > _SMALLEST else -_SMALLEST
