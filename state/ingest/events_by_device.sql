-- events_by_device: the same, a device's one after the other by event time, then sequence, then event_id
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: the events that the watermark has not passed
-- A window of one millisecond holds the events that time does not tell apart; their ranks are all wanted, the operator just
-- sorts. What is in order stays so: a device's rows go the same way from operator to operator.
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp,
    device_id, identity_word, consent_word, window_time AS ts
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, device_id ORDER BY `sequence`, event_id) AS place
    FROM TABLE(TUMBLE(TABLE events_first, DESCRIPTOR(ts), INTERVAL '0.001' SECOND(1, 3)))
)
WHERE place <= 1000000
