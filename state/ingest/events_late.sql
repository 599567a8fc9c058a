-- events_late: accepted events that came after the watermark had passed them; kept, counted, never silently dropped
-- grain: one row per late event        key: source_partition, source_offset
-- time: none (their event time is over)
-- state: none
-- Late at the source by the watermark of its own task; or, in time there, overtaken on the way: a task whose partitions were
-- silent does not hold the others back, and what it brings at last may be behind their watermark.
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts
FROM events_accepted
WHERE ts - INTERVAL '0.001' SECOND(1, 3) <= CURRENT_WATERMARK(ts) AND event_type <> 'heartbeat'
UNION ALL
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts
FROM events_on_time
WHERE repeat_no = 1 AND ts - INTERVAL '0.001' SECOND(1, 3) <= CURRENT_WATERMARK(ts) AND event_type <> 'heartbeat'
