"""Segments of a bounded read of which it is known when it ends."""

from __future__ import annotations

import pytest

from state.engine import Engine
from state.options import Options
from tests.engine_runs import DAY, HOUR, MINUTE, T0, documents, event, lines
from tests.segment_files import segments_of
from tests.unit.state.test_segments import FORTNIGHT, moves, views


def test_where_the_end_is_not_known_time_runs_to_its_end() -> None:
    engine = Engine(Options(bounded=True), segments=segments_of())
    found = documents(engine.run(lines(views(0)), HOUR), "signal")
    assert moves(found) == [(0, "", "new"), (FORTNIGHT, "new", "lapsed")]


@pytest.mark.parametrize(("after", "is_over"), [(-1, False), (0, True), (1, True)])
def test_a_fall_at_the_end_of_what_is_read_is_one(after: int, is_over: bool) -> None:
    engine = Engine(Options(bounded=True, read_until_ms=T0 + FORTNIGHT + after), segments=segments_of())
    found = documents(engine.run(lines(views(0)), HOUR), "signal")
    assert moves(found) == [(0, "", "new"), (FORTNIGHT, "new", "lapsed")][: 1 + is_over]


@pytest.mark.parametrize("slice_ms", [50, HOUR, 30 * DAY])
def test_a_bounded_read_knows_nothing_of_the_time_behind_its_newest_event(slice_ms: int) -> None:
    """Falls before it are those of the clock, of visitors that come again and of those that do not."""
    others = [event("w", "page_view", at) for at in (0, FORTNIGHT + 1)]
    newest = event("u", "page_view", 2 * FORTNIGHT)
    options = Options(bounded=True, read_until_ms=newest["event_time_ms"])
    engine = Engine(options, segments=segments_of())
    found = documents(engine.run(lines([*views(0, MINUTE), *others, newest]), slice_ms), "signal")
    assert moves(found) == [(0, "", "new"), (FORTNIGHT + MINUTE, "new", "lapsed")]
    assert moves(found, "w") == [
        (0, "", "new"),
        (FORTNIGHT, "new", "lapsed"),
        (FORTNIGHT + 1, "lapsed", "casual"),
    ]
    assert moves(found, "u") == [(2 * FORTNIGHT, "", "new")]
