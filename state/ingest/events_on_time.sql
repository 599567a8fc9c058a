-- events_on_time: accepted events that the watermark has not passed, each with its ordinal among equal event_ids
-- grain: one row per accepted event, duplicates included    key: event_id, repeat (1 = first seen)
-- time: ts, event time
-- state: one counter per event_id, for dedup_ttl after the id was last seen. Arrival order decides which copy is
--        the first: copies are equal, no row waits for the watermark, and the duplicates stay countable.
-- An event 1 ms after the watermark is late too: a session window closes 1 ms before its end, and an event at that
-- end belongs to it. In time or late must not depend on which millisecond the watermark happens to stand at.
SELECT
    *,
    COUNT(*) OVER (
        PARTITION BY event_id ORDER BY arrived_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS repeat_no
FROM (
    SELECT *, PROCTIME() AS arrived_at
    FROM events_accepted
    WHERE CURRENT_WATERMARK(ts) IS NULL OR ts - INTERVAL '0.001' SECOND(1, 3) > CURRENT_WATERMARK(ts)
)
