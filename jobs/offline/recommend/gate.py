"""The gate of tables: why a candidate may not go live; nothing to say means it may. Pure."""

from __future__ import annotations

from jobs.offline.recommend.evaluation import HEADLINES, NIGHTLY, Judged
from jobs.offline.recommend.reading import POPULARITY

WORSE_BY = (
    0.02  # MAP@20 that a candidate may lose against the method of the live version on the same questions
)


def objections(judged: Judged, live_algorithm: str | None = None) -> list[str]:
    """Why the candidate is refused, in words; empty when it passes.

    Args:
        judged: on the days before.
        live_algorithm: the method of the version that is live; refitted each night, as the candidate.
    """
    mine, popular = judged.shown_by[NIGHTLY], judged.shown_by[POPULARITY]
    found = [
        f"{metric} {mine[metric]} of {judged.chosen} is not above popularity's {popular[metric]}"
        for metric in HEADLINES
        if mine[metric].low <= popular[metric].high
    ]
    before = judged.shown_by.get(live_algorithm or "", mine)["map@20"]
    if mine["map@20"].value < before.value - WORSE_BY:
        found.append(
            f"map@20 {mine['map@20']} of {judged.chosen} is below that of the live version's method "
            f"{live_algorithm}, {before}, on the same questions"
        )
    return found
