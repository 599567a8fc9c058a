"""The call that scores, and nothing beside it: documents of features in, answers forgotten.

Arguments before the settings: rows of a bundle, which is one call; and `score`, or `read` to leave the call out.
"""

from __future__ import annotations

import sys

from benchjobs.ends import ROWS, STRING, blackhole
from jobs import ends
from jobs.command_line import settings_from
from jobs.wiring import Inserts, add_view, add_views, environment
from udfs.score import score

_REQUESTS = """
SELECT
    'purchase_intent' AS model, record_key AS visitor_id, 's' AS session_id, 's' AS anchor,
    CAST(0 AS BIGINT) AS scored_at_ms, '' AS place, record_value AS document, PROCTIME() AS ts
FROM rows_read
WHERE record_value LIKE '%"schema":"features/1"%'
"""


def main(argv: list[str]) -> None:
    """Submits the one insert."""
    size, what, *rest = argv
    settings = settings_from(rest)
    env, kafka = environment(f"bench-{what}", settings), ends.kafka(f"bench-{what}", settings)
    for option in ("bundle.size", "arrow.batch.size"):
        env.get_config().set(f"python.fn-execution.{option}", size)
    env.create_temporary_table("rows_read", kafka.text_source(ROWS))
    add_view(env, "score_requests", _REQUESTS)
    inserts = Inserts(env)
    if what == "score":
        env.create_temporary_function("score_features", score(settings.model_dir))
        add_views(env, ("scoring/scores",), settings)
        answers = blackhole(score_id=STRING, score=STRING, band=STRING, said=STRING, document=STRING)
        inserts.into("forgotten", answers, "SELECT score_id, score, band, said, document FROM scores")
    else:
        rows = blackhole(visitor_id=STRING, document=STRING)
        inserts.into("forgotten", rows, "SELECT visitor_id, document FROM score_requests")
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
