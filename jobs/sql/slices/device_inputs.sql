-- device_inputs: what DEVICES takes: slices, and each message that came behind the watermark on its own
-- grain: one row per slice, one per late message        key: bucket
-- time: ts, event time
SELECT bucket, ROW(ends_at_ms, FALSE, payloads, topics, partitions, offsets, stamps) AS slice, ts
FROM device_slices
UNION ALL
SELECT
    bucket,
    ROW(CAST(0 AS BIGINT), TRUE, ARRAY[payload], ARRAY[source_topic], ARRAY[source_partition], ARRAY[source_offset],
        ARRAY[source_timestamp_ms]),
    ts
FROM messages_with_lateness
WHERE is_late
