-- scores: what the live version of the model says of each moment
-- grain: as score_requests        key: score_id
-- time: ts, event time
-- state: none; score_features (udfs/score.py) scores a whole batch at once, all models in one call
-- score, model_version, band: of the live version. said: members of a JSON object that signal and log share. shadow: an object
-- with what a shadowing version says, NULL without one.
-- The arrays of one keep the planner from calling the function on each branch of the union and once for each of its texts.
SELECT
    model, visitor_id, session_id, anchor, scored_at_ms, place, document, ts,
    texts[1] AS score_id,
    texts[2] AS model_version,
    texts[3] AS score,
    texts[4] AS band,
    texts[5] AS `context`,
    texts[6] AS said,
    texts[7] AS shadow
FROM (
    SELECT
        model, visitor_id, session_id, anchor, scored_at_ms, place, document, ts,
        score_features(model, request) AS answer
    FROM score_requests
    CROSS JOIN UNNEST(ARRAY[document]) AS asked(request)
)
CROSS JOIN UNNEST(ARRAY[answer]) AS answered(texts)
