-- throttles: the events over a cap of bots: with each, its visitor is held back, for the quarantine from then on
-- grain: one row per such event        key: event_id
-- time: ts, event time
-- state: none of its own
SELECT canonical_id, device_id, events_in_minute, events_in_day, event_time_ms AS throttled_at_ms, ts
FROM events_judged
WHERE is_over_cap
