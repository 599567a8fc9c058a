-- events_late: accepted events that came after the watermark had passed them; kept, counted, never silently dropped
-- grain: one row per late event        key: source_partition, source_offset
-- time: none (their event time is over)
-- state: none
SELECT *
FROM events_accepted
WHERE ts - INTERVAL '0.001' SECOND(1, 3) <= CURRENT_WATERMARK(ts) AND event_type <> 'heartbeat'
