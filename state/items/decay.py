"""Forward decay: what happened at `t` weighs exp(t / tau), so a sum only grows and is summed up once.

Cormode, Shkapenyuk, Srivastava, Xu: Forward decay (ICDE 2009). exp(t / tau) outgrows a double after 709 tau.
So a sum is kept from the beginning of an era of 128 tau, and carried over to a later era where one begins:
a multiplication, once in two and a half years with a tau of seven days.
"""

from __future__ import annotations

from math import exp, log

ERA = 128  # tau in an era: products of three such sums are still finite


class Decay:
    """Weights of moments.

    >>> week = Decay(7 * 86_400_000)
    >>> week.gain(7 * 86_400_000, 0) == exp(1), week.carried(1) == exp(-128)
    (True, True)
    """

    def __init__(self, tau_ms: int) -> None:
        """Says how long it takes until a weight is 1/e of what it was."""
        self._tau_ms, self._era_ms = tau_ms, ERA * tau_ms

    def era(self, at: int) -> int:
        """The era of a moment."""
        return at // self._era_ms

    def gain(self, at: int, era: int) -> float:
        """What a moment adds to a sum of the era, which is its own or a later one."""
        return exp((at - era * self._era_ms) / self._tau_ms)

    @staticmethod
    def carried(eras: int) -> float:
        """The factor of a sum that is carried over so many eras; into an earlier one it is more than 1.

        A sum that is more than five eras old is nothing beside a new one.
        """
        return exp(-ERA * eras) if eras >= -5 else exp(ERA * 5)

    @staticmethod
    def log_of(total: float, era: int) -> float:
        """The logarithm of a sum, whatever its era: what is to be compared over items."""
        return log(total) + ERA * era if total > 0 else -1e300
