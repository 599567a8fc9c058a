-- alias_documents: alias documents as they lie in their topic, for INDEX on its own
-- grain: one row per anonymous id and user        key: alias_id
-- time: none
-- state: none
SELECT
    record_key AS alias_id,
    JSON_VALUE(record_value, '$.visitor_id') AS visitor_id,
    CAST(JSON_VALUE(record_value, '$.version') AS BIGINT) AS version,
    record_value AS document
FROM aliases_read
WHERE record_value <> ''
