-- device_slices: what came of a bucket of devices in a stretch of event time, complete, as one row
-- grain: one row per bucket and slice with messages        key: bucket, ends_at_ms
-- time: ts, the last millisecond of the slice
-- state: the messages of open slices, until the watermark passes the slice's end
SELECT
    bucket,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', window_end) * CAST(1000 AS BIGINT)
        + EXTRACT(MILLISECOND FROM window_end) AS ends_at_ms,
    ARRAY_AGG(payload) AS payloads,
    ARRAY_AGG(source_topic) AS topics,
    ARRAY_AGG(source_partition) AS partitions,
    ARRAY_AGG(source_offset) AS offsets,
    ARRAY_AGG(source_timestamp_ms) AS stamps,
    window_time AS ts
FROM TABLE(TUMBLE(TABLE messages_on_time, DESCRIPTOR(ts), INTERVAL '${slice_interval}' DAY TO SECOND(3)))
GROUP BY bucket, window_start, window_end, window_time
