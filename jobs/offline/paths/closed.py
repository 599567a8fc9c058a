"""Closed patterns: those that no longer pattern says as well. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.offline.paths.sequences import Found, Pattern


def closed(found: Found, max_gap: int | None) -> Found:
    """The patterns without those that a longer one implies and that are in just as many sequences.

    A pattern implies what is left of it without its first or its last step; without a step in between only if
    any gap is allowed, as else what is left may have too great a one.

    >>> closed({(0,): (3,), (1,): (2,), (0, 1): (2,)}, None)
    {(0,): (3,), (0, 1): (2,)}
    """
    implied = {
        shorter
        for pattern, support in found.items()
        for shorter in _shorter(pattern, max_gap)
        if found.get(shorter) == support
    }
    return {pattern: support for pattern, support in found.items() if pattern not in implied}


def _shorter(pattern: Pattern, max_gap: int | None) -> Iterator[Pattern]:
    last = len(pattern) - 1
    for index in range(len(pattern)):
        if max_gap is None or index in (0, last):
            yield pattern[:index] + pattern[index + 1 :]
