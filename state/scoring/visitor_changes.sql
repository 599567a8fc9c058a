-- visitor_changes: what changes the document of a visitor: its newest features, a score
-- grain: one row per visitor_features and one per score        key: visitor_id, place
-- time: ts, event time
-- state: none
-- What orders as text comes first in each text. A session's end brings its last event's features along: what is
-- scored then is written even if nothing else happened.
SELECT
    visitor_id, at_ms, ts,
    newest,
    CAST(NULL AS STRING) AS intent,
    CAST(NULL AS STRING) AS churn
FROM visitor_features
UNION ALL
SELECT
    visitor_id, scored_at_ms, ts,
    CASE WHEN model = 'churn_risk' THEN place || document END,
    CASE WHEN model = 'purchase_intent' THEN place || entry END,
    CASE WHEN model = 'churn_risk' THEN place || entry END
FROM (
    SELECT
        *,
        '{"model":"' || model || '","version":"' || model_version || '","score":' || score
            || ',"scored_at_ms":' || CAST(scored_at_ms AS STRING) || '}' AS entry
    FROM scores
)
