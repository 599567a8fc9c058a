-- audit_late: late events as they lie in their topic, each once however often a restart wrote it
-- grain: one row per late event        key: source_partition, source_offset
-- time: none
-- state: where each late event was read, for dedup_ttl_ms
SELECT
    source_partition,
    source_offset,
    MAX(arrived_in) AS arrived_in,
    MAX(checksum) AS checksum
FROM (
    SELECT
        JSON_VALUE(record_value, '$.source.partition' RETURNING INTEGER) AS source_partition,
        CAST(JSON_VALUE(record_value, '$.source.offset') AS BIGINT) AS source_offset,
        CAST(CAST(JSON_VALUE(record_value, '$.source.timestamp_ms') AS BIGINT) / 300000 AS INTEGER) AS arrived_in,
        COALESCE(CAST(HASH_CODE(JSON_VALUE(record_value, '$.event_id')) AS BIGINT), 0) AS checksum
    FROM late_read
)
GROUP BY source_partition, source_offset
