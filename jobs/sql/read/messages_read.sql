-- messages_read: every message with the bucket of its device, and where it lay
-- grain: one row per message        key: source_topic, source_partition, source_offset
-- time: ts, event time; what has none has the epoch
SELECT
    MOD(MOD(HASH_CODE(COALESCE(
        JSON_VALUE(CAST(payload AS STRING), '$.anonymous_id'),
        JSON_VALUE(CAST(payload AS STRING), '$.visitor_id'),
        JSON_VALUE(CAST(payload AS STRING), '$.user_id'),
        '')), ${buckets}) + ${buckets}, ${buckets}) AS bucket,
    payload,
    source_topic,
    source_partition,
    source_offset,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3))) * CAST(1000 AS BIGINT)
        + EXTRACT(MILLISECOND FROM source_timestamp) AS source_timestamp_ms,
    ts
FROM messages
