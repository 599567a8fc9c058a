-- audit_read: every message of the raw topic that is no heartbeat, counted independently of ingest
-- grain: one row per message        key: source_partition, source_offset
-- time: none
-- state: none
-- checksum: of the event_id as JSON_VALUE reads it; 0 for a message that it finds none in. See audit_windows.
SELECT
    source_partition,
    TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3))) / 5 AS arrived_in,
    COALESCE(CAST(HASH_CODE(JSON_VALUE(record_value, '$.event_id')) AS BIGINT), 0) AS checksum
FROM raw_read
WHERE COALESCE(JSON_VALUE(record_value, '$.event_type'), '') <> 'heartbeat'
