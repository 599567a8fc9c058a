"""Training rows out of the log of scores: the very vectors that were scored, labelled by what came after."""

from __future__ import annotations

import polars as pl

from connectors.errors import BadInput
from jobs.offline.training.events import Events
from jobs.offline.training.examples import Examples
from jobs.offline.training.monitor import ScoreLog
from jobs.offline.training.rows import Moments, labelled_moments, to_examples

LOGGED = "logged"  # the point of the rows: the log does not say why a moment was scored


def logged_examples(log: ScoreLog, kind: str, events: Events, moments: Moments) -> Examples:
    """Rows of the scores whose labels the events can tell, in the order of time.

    Args:
        log: of the model.
        kind: of the model.
        events: of the same visitors, up to well after the scores.
        moments: as the stream scores.

    Raises:
        BadInput: no score of the log is a moment of the events.
    """
    known = labelled_moments(kind, events, moments)
    scored = log.rows.with_row_index("row")
    rows = scored.join(known, on=["visitor_id", "event_time_ms"], how="inner").sort("event_time_ms", "row")
    if not len(rows):
        raise BadInput(
            f"none of {len(log):,} scores of {kind} is a moment of these events: are they of one time, and is"
            " --every the setting of the job that scored?"
        )
    return to_examples(rows.with_columns(points=pl.lit(LOGGED)), log.vectors)
