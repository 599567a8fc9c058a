-- throttles_begun: the first of a run of throttles without a pause of more than the quarantine
-- grain: one row per run        key: device_id, throttled_at_ms
-- time: ts, event time
-- state: the last throttle of each device that ever had one, for dedup_ttl after it
SELECT device_id, events_in_minute, events_in_day, throttled_at_ms, ts
FROM (
    SELECT
        *,
        MIN(throttled_at_ms) OVER (
            PARTITION BY device_id ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS previous_ms,
        COUNT(*) OVER (
            PARTITION BY device_id ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS known
    FROM throttles
)
WHERE known = 1 OR throttled_at_ms - previous_ms > ${bot_quarantine_ms}
