-- read_back: documents of one kind as they lie in their topic; ${topic} is its table, ${id_field} their id's member
-- grain: one row per version of a document        key: kind, id, version
-- time: ts, event time of the version
SELECT
    '${kind}' AS kind,
    record_key AS key,
    JSON_VALUE(CAST(record_value AS STRING), '$.${id_field}') AS id,
    CAST(CAST(JSON_VALUE(CAST(record_value AS STRING), '$.version') AS DECIMAL(19, 0)) AS BIGINT) AS version,
    record_value AS body,
    ts
FROM ${topic}
WHERE record_value IS NOT NULL AND CAST(record_value AS STRING) <> ''
