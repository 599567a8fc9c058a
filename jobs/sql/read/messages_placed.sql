-- messages_placed: every message with the bucket of its device, where it lay, and whether event time has passed it
-- grain: one row per message        key: source_topic, source_partition, source_offset
-- time: ts, event time; what has none has the epoch
-- is_late: behind the watermark, or a stamp of the future, for which no slice would end. Both go past the slices.
SELECT
    MOD(MOD(HASH_CODE(COALESCE(
        NULLIF(JSON_VALUE(CAST(payload AS STRING), '$.anonymous_id'), ''),
        NULLIF(JSON_VALUE(CAST(payload AS STRING), '$.visitor_id'), ''),
        JSON_VALUE(CAST(payload AS STRING), '$.user_id'),
        '')), ${buckets}) + ${buckets}, ${buckets}) AS bucket,
    payload,
    source_topic,
    source_partition,
    source_offset,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3))) * CAST(1000 AS BIGINT)
        + EXTRACT(MILLISECOND FROM source_timestamp) AS source_timestamp_ms,
    COALESCE(ts <= CURRENT_WATERMARK(ts), FALSE) OR ts > source_timestamp + INTERVAL '5' MINUTE AS is_late,
    ts
FROM messages
