-- visitor_days: the same, with the events of the 1,440 minutes up to and with it
-- grain: as visitor_minutes        key: device_id, ts
-- time: ts, event time
-- state: the minutes of the last 24 hours of each device
SELECT
    device_id, events AS events_in_minute, ts,
    SUM(events) OVER (
        PARTITION BY device_id ORDER BY ts RANGE BETWEEN INTERVAL '23:59' HOUR TO MINUTE PRECEDING AND CURRENT ROW) AS events_in_day
FROM visitor_minutes
