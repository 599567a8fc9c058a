-- item_slices: the packs of all visitors in a stretch of event time, complete, as one row
-- grain: one row per slice with sightings        key: bucket, ends_at_ms
-- time: ts, the last millisecond of the slice
-- state: the packs of open slices, until the watermark passes the slice's end
SELECT
    bucket,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', window_end) * CAST(1000 AS BIGINT)
        + EXTRACT(MILLISECOND FROM window_end) AS ends_at_ms,
    ARRAY_AGG(body) AS bodies,
    window_time AS ts
FROM TABLE(TUMBLE(TABLE sighted_on_time, DESCRIPTOR(ts), INTERVAL '${slice_interval}' DAY TO SECOND(3)))
GROUP BY bucket, window_start, window_end, window_time
