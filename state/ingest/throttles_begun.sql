-- throttles_begun: the first of a run of throttles without a pause of more than the quarantine
-- grain: one row per run        key: canonical_id, throttled_at_ms
-- time: ts, event time
-- state: the last throttle of each visitor that ever had one, for dedup_ttl after it
SELECT canonical_id AS visitor_id, device_id, events_in_minute, events_in_day, throttled_at_ms, ts
FROM (
    SELECT
        *,
        LAG(throttled_at_ms, 1) OVER (PARTITION BY canonical_id ORDER BY in_order_at) AS previous_ms
    FROM (SELECT *, PROCTIME() AS in_order_at FROM throttles)
)
WHERE previous_ms IS NULL OR throttled_at_ms - previous_ms > ${bot_quarantine_ms}
