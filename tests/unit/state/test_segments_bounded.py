"""Segments of a bounded read: it ends with its newest event."""

from __future__ import annotations

import pytest

from state.engine import Engine
from state.options import Options
from tests.engine_runs import DAY, HOUR, MINUTE, documents, event, lines
from tests.segment_files import segments_of
from tests.unit.state.test_segments import FORTNIGHT, moves, views


@pytest.mark.parametrize("slice_ms", [50, HOUR, 30 * DAY])
def test_a_bounded_read_knows_nothing_of_the_time_behind_its_newest_event(slice_ms: int) -> None:
    """Falls before it are those of the clock, of visitors that come again and of those that do not."""
    others = [event("w", "page_view", at) for at in (0, FORTNIGHT + 1)]
    newest = event("u", "page_view", 2 * FORTNIGHT)
    engine = Engine(Options(bounded=True), segments=segments_of(), buckets=1)
    found = documents(engine.run(lines([*views(0, MINUTE), *others, newest]), slice_ms), "signal")
    assert moves(found) == [(0, "", "new"), (FORTNIGHT + MINUTE, "new", "lapsed")]
    assert moves(found, "w") == [
        (0, "", "new"),
        (FORTNIGHT, "new", "lapsed"),
        (FORTNIGHT + 1, "lapsed", "casual"),
    ]
    assert moves(found, "u") == [(2 * FORTNIGHT, "", "new")]
