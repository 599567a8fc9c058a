"""How alike two items are, from the sum of their pair, the sums of all pairs of each, and the sum of all.

The sums are a symmetric table of who meets whom; a row's sum is an item's total, so both scores have their
usual bounds. With `pair` the cell, `one` and `other` the totals, `whole` the sum of the table:

- cosine: pair / sqrt(one * other), from 0 to 1 (Sarwar et al., Item-based collaborative filtering, WWW 2001);
- log-likelihood ratio of the 2 x 2 table (Dunning, Accurate methods for the statistics of surprise and
  coincidence, Computational Linguistics 1993), negative where they meet less often than by chance.
"""

from __future__ import annotations

from math import log1p, sqrt


def cosine(pair: float, one: float, other: float) -> float:
    """The cosine.

    >>> cosine(2.0, 4.0, 1.0)
    1.0
    """
    return pair / sqrt(one * other)


def log_likelihood_ratio(pair: float, one: float, other: float, whole: float) -> float:
    """The signed log-likelihood ratio.

    Each term of the sum is k log(k * whole / (row * column)), and what the logarithm is of differs from 1 by
    the determinant over (row * column): so nothing is lost where they are near each other.

    >>> log_likelihood_ratio(10.0, 10.0, 10.0, 1000.0) > 100, log_likelihood_ratio(1.0, 50.0, 50.0, 100.0) < 0
    (True, True)
    """
    only_one, only_other = max(one - pair, 0.0), max(other - pair, 0.0)
    neither = max(whole - one - other + pair, 0.0)
    without_one, without_other = only_other + neither, only_one + neither
    surplus = pair * neither - only_one * only_other
    found = 2 * (
        _term(pair, surplus, one * other)
        + _term(only_one, -surplus, one * without_other)
        + _term(only_other, -surplus, without_one * other)
        + _term(neither, surplus, without_one * without_other)
    )
    return found if surplus > 0 else -found


def _term(cell: float, surplus: float, expected: float) -> float:
    return cell * log1p(surplus / expected) if cell > 0 and expected > 0 else 0.0
