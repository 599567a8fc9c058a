-- ordered_events: as they leave INGEST in one job: in order already (events_by_visitor)
-- grain: one row per event        key: visitor_id, event_id
-- time: ts, event time and one millisecond, as in events_valid
-- state: none
SELECT
    visitor_id, event_id, event_type, event_time_ms, `sequence`, anonymous_id, user_id,
    `context`, product, `order`, properties, ts
FROM events_valid
