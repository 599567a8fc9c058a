-- audit_letters: rejected messages of the raw topic as they lie in theirs, each once however often it was written
-- grain: one row per rejected message        key: letter_id
-- time: none
-- state: reason and position of each letter, for dedup_ttl_ms
SELECT
    letter_id,
    MAX(reason) AS reason,
    MAX(source_partition) AS source_partition,
    MAX(arrived_in) AS arrived_in,
    MAX(checksum) AS checksum
FROM (
    SELECT
        record_key AS letter_id,
        JSON_VALUE(record_value, '$.reason') AS reason,
        JSON_VALUE(record_value, '$.partition' RETURNING INTEGER) AS source_partition,
        CAST(CAST(JSON_VALUE(record_value, '$.timestamp_ms') AS BIGINT) / 300000 AS INTEGER) AS arrived_in,
        COALESCE(
            CAST(HASH_CODE(JSON_VALUE(FROM_BASE64(JSON_VALUE(record_value, '$.payload_base64')), '$.event_id')) AS BIGINT),
            0) AS checksum
    FROM rejected_read
    WHERE JSON_VALUE(record_value, '$.topic') IN ('footfall.events.raw', 'footfall.events.reentry')
)
GROUP BY letter_id
