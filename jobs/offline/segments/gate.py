"""The gate: why clusters may not be published; nothing to say means they may. Pure."""

from __future__ import annotations

from jobs.offline.segments.fitting import AGREES, STABLE, Fitted
from jobs.offline.segments.methods import SMALLEST
from jobs.offline.segments.naming import Matched

MOVED = 0.8  # adjusted Rand index against the live version, below which a person should look first


def objections(fitted: Fitted) -> list[str]:
    """Why the clusters are refused, in words; empty when they pass."""
    chosen, found = fitted.chosen, []
    if chosen.silhouette <= fitted.chance:
        found.append(
            f"silhouette {chosen.silhouette:.3f} is not above {fitted.chance:.3f}, which the same way "
            "finds in shuffled features: there are no groups"
        )
    if chosen.shares.min() < SMALLEST:
        found.append(f"the smallest cluster has {chosen.shares.min():.1%}; {SMALLEST:.0%} are required")
    if chosen.agreement < AGREES:
        found.append(
            f"cores agree with {chosen.method.algorithm} on {chosen.agreement:.1%}; {AGREES:.0%} are "
            "required: new visitors cannot be divided as it does"
        )
    if min(fitted.stability.jaccard) < STABLE:
        found.append(
            f"a cluster is found again with an overlap of {min(fitted.stability.jaccard):.2f} among visitors "
            f"drawn anew; {STABLE} is required"
        )
    return found


def warning(names: Matched) -> str | None:
    """What a person should look at before the version goes live."""
    if names.rand is None or names.rand >= MOVED:
        return None
    return (
        f"visitors are divided otherwise than by the live version: adjusted Rand index {names.rand:.2f}, "
        f"{names.kept} of {len(names.names)} clusters are those of before"
    )
