-- session_features: the features of closed sessions as they lie in their topic, for SCORING on its own
-- grain: one row per closed session        key: session_id
-- time: ts, event time: the session's end
-- state: none
SELECT
    JSON_VALUE(record_value, '$.session_id') AS session_id,
    record_key AS visitor_id,
    CAST(JSON_VALUE(record_value, '$.closed_at_ms') AS BIGINT) AS closed_at_ms,
    LPAD(JSON_VALUE(record_value, '$.event_time_ms'), 13, '0') || LPAD(CAST(CAST(
        CAST(JSON_VALUE(record_value, '$.values[${in_visitor_events}]') AS DOUBLE) AS BIGINT) AS STRING), 12, '0') AS place,
    record_value AS document,
    ts
FROM features_read
WHERE record_value LIKE '%,"session_ended":true,"closed_at_ms":%'
