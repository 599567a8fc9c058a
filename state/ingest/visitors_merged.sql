-- visitors_merged: a device's visitor turned out to be a user, for the first time
-- grain: one row per device and user        key: device_id, user_id
-- time: ts, event time
-- state: the first identification of each pair, for visitor_memory after the last one. One that comes later than that
--        writes the same signal and the same alias again.
SELECT device_id, user_id, event_id, event_time_ms, `context`, users_of_device, ts
FROM (
    SELECT
        *,
        MIN(place) OVER (
            PARTITION BY device_id, user_id ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS first_place
    FROM identifications
)
WHERE place = first_place
