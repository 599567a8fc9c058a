-- signal_documents: signal documents as they lie in their topic, for INDEX on its own
-- grain: one row per change of a signal        key: signal_id
-- time: none
-- state: none
SELECT
    JSON_VALUE(record_value, '$.signal_id') AS signal_id,
    record_key AS visitor_id,
    CAST(JSON_VALUE(record_value, '$.version') AS BIGINT) AS version,
    record_value AS document
FROM signals_read
