-- visitor_changes: what changes the document of a visitor: its features as of an event, a score
-- grain: one row per event and one per score        key: visitor_id, place
-- time: ts, event time
-- state: none
-- What orders as text comes first in each text. A session's end brings its last event's features along: what is
-- scored then is written even if nothing else happened.
SELECT
    visitor_id, event_time_ms AS at_ms, ts,
    place || document AS newest,
    CAST(NULL AS STRING) AS intent,
    CAST(NULL AS STRING) AS churn
FROM feature_documents
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
