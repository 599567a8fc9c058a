-- events_first: accepted, on time, first of its event_id, no heartbeat; with what it says of its visitor
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: none of its own
-- device_id is what the tracker knows the browser by. A word is 19 digits of milliseconds and sequence, then what was
-- said, so that MAX is the last word; it is NULL on all but the few events that say something.
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts,
    COALESCE(NULLIF(anonymous_id, ''), visitor_id) AS device_id,
    CASE
        WHEN event_type IN ('identify', 'custom:login', 'purchase') AND CHAR_LENGTH(user_id) BETWEEN 1 AND 256
        THEN LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') || user_id
    END AS identity_word,
    CASE
        WHEN event_type = 'consent' AND JSON_VALUE(properties, '$.status') IN ('granted', 'denied', 'erased')
        THEN LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') || JSON_VALUE(properties, '$.status')
    END AS consent_word
FROM events_on_time
WHERE repeat_no = 1 AND event_type <> 'heartbeat'
    -- Not overtaken on the way by the watermark of other tasks, see events_late.
    AND (CURRENT_WATERMARK(ts) IS NULL OR ts - INTERVAL '0.001' SECOND(1, 3) > CURRENT_WATERMARK(ts))
