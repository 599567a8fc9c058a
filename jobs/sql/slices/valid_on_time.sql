-- valid_on_time: the valid events that the watermark has not passed
-- grain: one row per event        key: event_id (in the payload)
-- time: ts, event time
SELECT * FROM valid_with_bucket WHERE NOT is_late
