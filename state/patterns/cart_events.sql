-- cart_events: the only events that cart abandonment looks at
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: none
-- place orders a visitor's events: 19 digits, milliseconds then sequence, so that MAX is the last even inside one ms.
SELECT
    visitor_id, event_id, event_type, event_time_ms, `context`, ts,
    LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') AS place
FROM events_valid
WHERE event_type IN ('add_to_cart', 'purchase')
