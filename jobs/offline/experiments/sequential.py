"""Statistics that hold at every look: intervals and p-values of a mixture, the sample-ratio check. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
CONCENTRATION = 1_000.0  # of the sample-ratio check: expects splits that are off by a few hundredths
RATIO_ALPHA = 0.001  # of all looks together, for a split that is right


def tuning(planned: int, alpha: float) -> float:
    """The mixture's variance that makes the interval narrowest at the planned number of units.

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory and asymptotic confidence
    sequences, Annals of Statistics 52 (2024): their closed form for the width of Robbins' mixture.

    Args:
        planned: units of both arms; it must be fixed before the first look.
        alpha: chance of a false alarm over all looks.
    """
    twice = -2 * math.log(alpha)
    return (twice + math.log(twice + 1)) / planned


def half_width(error: ArrayLike, units: ArrayLike, planned: int, alpha: float) -> Floats:
    """Half of an interval that covers the effect at all looks together with 1 - alpha.

    The asymptotic confidence sequence of the same paper; the standard error of the effect times the root of
    the units is its standard deviation of one unit.

    Args:
        error: standard error of the effect at each look.
        units: of both arms at each look.
        planned: units at which the interval is narrowest.
        alpha: chance of a false alarm over all looks.

    >>> round(float(half_width(1.0, 5_000, 5_000, 0.05)), 3)  # 1.96 for a single look
    3.035
    """
    size = np.asarray(units, float) * tuning(planned, alpha)
    factor = 2 * (size + 1) / size * np.log(np.sqrt(size + 1) / alpha)
    return np.multiply(np.asarray(error, float), np.sqrt(factor))


def always_valid_p(z: ArrayLike, units: ArrayLike, planned: int, alpha: float) -> Floats:
    """The smallest alpha whose interval of the same mixture leaves out 0, at each look.

    `half_width` solved for alpha; the p-value of the mixture sequential ratio test (Johari, Pekelis, Walsh:
    Always valid inference, Operations Research 70, 2022).

    Args:
        z: effect in standard errors.
        units: of both arms.
        planned: as in `half_width`.
        alpha: as in `half_width`; it only tunes the mixture.
    """
    size = np.asarray(units, float) * tuning(planned, alpha)
    logs = 0.5 * np.log(size + 1) - np.square(z) * size / (2 * (size + 1))
    found: Floats = np.exp(np.minimum(logs, 0.0))
    return found


def ratio_p(counts: Any, weights: Sequence[float], concentration: float = CONCENTRATION) -> Floats:
    """P-values of "units are split as planned" that hold at every look: they never grow.

    The Bayes factor of a Dirichlet-multinomial against the planned split; its inverse is an anytime-valid
    p-value (Lindon, Malek: Anytime-valid inference for multinomial count data, NeurIPS 2022).

    Args:
        counts: units by look and arm so far, int[..., looks, arms].
        weights: planned, by arm.
        concentration: of the prior around the plan; larger finds smaller faults sooner, and large ones later.

    >>> ratio_p([[500, 500], [1_000, 1_200]], [1, 1]).round(4).tolist()
    [1.0, 0.0034]
    """
    found = np.asarray(counts, float)
    planned = np.asarray(weights, float) / np.sum(weights)
    prior, total = concentration * planned, found.sum(axis=-1)
    logs = gammaln(concentration) - gammaln(concentration + total)
    logs = logs + (gammaln(prior + found) - gammaln(prior) - found * np.log(planned)).sum(axis=-1)
    found_p: Floats = np.exp(-np.maximum.accumulate(np.maximum(logs, 0.0), axis=-1))
    return found_p
