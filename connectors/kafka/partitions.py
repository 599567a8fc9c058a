"""In which partition a key lies where Kafka's own partitioner chose it, as in what the jobs write. Pure."""

from __future__ import annotations

_SEED, _FACTOR, _WORD = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def partition_of(key: str, partitions: int) -> int:
    """The partition of a record with this key.

    >>> partition_of("foobar", 4)
    2
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, unsigned, 32 bits.

    >>> murmur2(b"foobar") - 2**32, murmur2(b"21") - 2**32
    (-790332482, -973932308)
    """
    found = (_SEED ^ len(data)) & _WORD
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _FACTOR & _WORD
        word = (word ^ word >> 24) * _FACTOR & _WORD
        found = found * _FACTOR & _WORD ^ word
    if rest := data[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * _FACTOR & _WORD
    found = (found ^ found >> 13) * _FACTOR & _WORD
    return found ^ found >> 15
