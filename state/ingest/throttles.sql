-- throttles: minutes from whose last millisecond on a device is held back, because it sent more than a cap allows
-- grain: one row per such minute        key: device_id, throttled_at_ms
-- time: ts, event time: the last millisecond of the minute
-- state: none
SELECT
    device_id, events_in_minute, events_in_day, ts,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', CAST(ts AS TIMESTAMP(3))) * CAST(1000 AS BIGINT) + 999
        AS throttled_at_ms
FROM visitor_days
WHERE events_in_minute > ${bot_events_per_minute} OR events_in_day > ${bot_events_per_day}
