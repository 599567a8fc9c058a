-- events_by_visitor: the same, a canonical visitor's one after the other by event time, then sequence, then event_id
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: the events that the watermark has not passed
-- As events_by_device: a visitor may have several devices. Every later stage of the job takes the events in this order.
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp,
    device_id, identity_word, consent_word, device_consent, events_in_minute, events_in_day, canonical_id, window_time AS ts
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, canonical_id ORDER BY `sequence`, event_id) AS place
    FROM TABLE(TUMBLE(TABLE events_stitched, DESCRIPTOR(ts), INTERVAL '0.001' SECOND(1, 3)))
)
WHERE place <= 1000000
