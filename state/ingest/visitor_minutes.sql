-- visitor_minutes: how many events each visitor's device sent in each minute
-- grain: one row per device and minute with events        key: device_id, ts
-- time: ts, event time: the last millisecond of the minute
-- state: one counter per device with an event in an open minute, dropped when the minute is over
SELECT device_id, COUNT(*) AS events, window_time AS ts
FROM TABLE(TUMBLE(TABLE events_first, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY device_id, window_start, window_end, window_time
