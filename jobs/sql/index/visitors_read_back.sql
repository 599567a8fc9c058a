-- visitor_documents: visitor documents as they lie in their topic, for INDEX on its own
-- grain: one row per version of a visitor        key: visitor_id
-- time: none
-- state: none
SELECT
    record_key AS visitor_id,
    CAST(JSON_VALUE(record_value, '$.version') AS BIGINT) AS version,
    record_value AS document
FROM visitors_read
