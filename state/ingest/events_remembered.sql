-- events_remembered: each event with the last words of its device, and how many events the device has sent
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: three last words and three numbers per device, for visitor_memory after its last event
-- A device's events come in order (events_by_device): each is counted as it comes, and a word counts from its own place on.
-- events_in_minute, events_in_day: up to and with this one, in its minute and its day of the clock (UTC). Of all numbers that
-- begin with the minute the greatest is that of its first event: the one with the lowest number behind.
SELECT
    *,
    device_event_no - (minute_no * 4294967296 - MAX(minute_no * 4294967296 - device_event_no) OVER so_far) + 1 AS events_in_minute,
    device_event_no - (day_no * 4294967296 - MAX(day_no * 4294967296 - device_event_no) OVER so_far) + 1 AS events_in_day
FROM (
    SELECT
        *,
        event_time_ms / 60000 AS minute_no,
        event_time_ms / 86400000 AS day_no,
        COUNT(*) OVER so_far AS device_event_no,
        MAX(identity_word) OVER so_far AS last_identity,
        MAX(consent_word) OVER so_far AS device_consent,
        MAX(CASE WHEN SUBSTRING(consent_word, 20) <> 'granted' THEN consent_word END) OVER so_far AS withdrawal
    FROM (SELECT *, PROCTIME() AS in_order_at FROM events_by_device)
    WINDOW so_far AS (PARTITION BY device_id ORDER BY in_order_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WINDOW so_far AS (PARTITION BY device_id ORDER BY in_order_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
