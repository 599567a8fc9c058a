"""What is shown of an experiment in each segment: rows of a table, and a line for each interaction. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.offline.experiments.by_segment import LEAST, BySegment, SegmentEstimate
from jobs.offline.experiments.estimates import ALPHA

HEAD = (
    "segment", "visitors", "arm", "metric", "effect", "95 % interval", "p, Holm",
    "less others' effect", "p, Holm",
)  # fmt: skip


def rows(found: BySegment) -> list[tuple[str, ...]]:
    """The table, as `HEAD` has it."""
    return [_row(found, one) for one in found.estimates]


def _row(found: BySegment, one: SegmentEstimate) -> tuple[str, ...]:
    its, visitors = one.estimate, sum(found.visitors[one.segment].values())
    return (
        one.segment, f"{visitors:,}", its.arm, its.metric, f"{its.effect:+.4g}",
        f"{its.low:+.4g} to {its.high:+.4g}", f"{its.p_holm:.3g}",
        f"{one.difference:+.4g}", f"{one.p_holm:.3g}",
    )  # fmt: skip


def lines(found: BySegment) -> Iterable[str]:
    """Whether effects differ between segments, and which segments are too small to say."""
    for one in found.interactions:
        verdict = "differs between segments" if one.p_holm < ALPHA else "may be the same in all segments"
        yield (
            f"{one.arm} {one.metric}: the effect {verdict} "
            f"(Q {one.q:.3g} of {one.degrees}, p by Holm {one.p_holm:.3g})"
        )
    if not found.interactions:
        yield "no interaction can be said anything of: two segments with effects are required"
    for name in found.too_small:
        yield f"segment {name}: fewer than {LEAST} visitors in an arm, no estimates"
