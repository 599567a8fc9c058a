-- messages_with_lateness: every message, and whether event time has passed it
-- grain: one row per message        key: source_topic, source_partition, source_offset
-- time: ts, event time
-- is_late: behind the watermark, or a stamp of the future, for which no slice would end. Both go past the slices.
SELECT
    bucket, payload, source_topic, source_partition, source_offset, source_timestamp_ms,
    COALESCE(ts <= CURRENT_WATERMARK(ts), FALSE)
        OR ts > TO_TIMESTAMP_LTZ(source_timestamp_ms, 3) + INTERVAL '5' MINUTE AS is_late,
    ts
FROM messages_stamped
