-- identifications: events that say which user a device's visitor is, with how many users the device has had so far
-- grain: one row per such event        key: event_id
-- time: ts, event time
-- state: the users of each device, for visitor_memory after its last identification
-- Only what nothing holds back: nobody is linked without consent.
SELECT
    device_id, user_id, event_id, event_time_ms, `context`, ts,
    identity_word || event_id AS place,
    COUNT(DISTINCT user_id) OVER (
        PARTITION BY device_id ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS users_of_device
FROM events_judged
WHERE identity_word IS NOT NULL AND device_id <> user_id AND withheld_for IS NULL
