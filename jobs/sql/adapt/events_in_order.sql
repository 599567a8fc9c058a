-- events_in_order: the same events in the order in which they happened, for history that is read to its end
-- grain: one row per event        key: as events_adapted
-- time: none; this is batch: the sort is Flink's, on disk when it must be
-- state: none
-- One lane for all, and a lane that only exists behind the adapters: a plain ORDER BY would make the planner run
-- those in one lane as well. The count is what the order is asked for.
SELECT record_key, document, source_timestamp
FROM (
    SELECT
        record_key, document, source_timestamp,
        COUNT(*) OVER (
            PARTITION BY lane ORDER BY event_time_ms ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS number_so_far
    FROM (SELECT *, MOD(CHAR_LENGTH(record_key), 1) AS lane FROM events_adapted)
)
WHERE number_so_far > 0
