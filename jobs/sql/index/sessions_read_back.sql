-- session_documents: session documents as they lie in their topic, for INDEX on its own
-- grain: one row per closed session        key: session_id
-- time: none
-- state: none
SELECT
    JSON_VALUE(record_value, '$.session_id') AS session_id,
    record_key AS visitor_id,
    CAST(JSON_VALUE(record_value, '$.version') AS BIGINT) AS version,
    record_value AS document
FROM sessions_read
