-- bursts: events that come with so many others within a span before them, or, where the rule asks for 1, with none
-- grain: one row per event that fulfils its rule        key: rule, visitor_id, event_id
-- time: ts, event time
-- state: the last ${rows_before} events of each rule, visitor and key, for rule_memory_ms after the last of them
SELECT rule, visitor_id, session_id, rule_key, anchor, event_id, event_time_ms, first_at_ms, events_no, `context`, ts
FROM (
    SELECT
        *,
        COUNT(*) OVER latest AS events_no,
        MIN(event_time_ms) OVER latest AS first_at_ms
    FROM ${events}
    WINDOW latest AS (
        PARTITION BY rule, visitor_id, rule_key ORDER BY ts ROWS BETWEEN ${rows_before} PRECEDING AND CURRENT ROW)
)
WHERE (events_no > ${rows_before} AND event_time_ms - first_at_ms <= within_ms) = (least_events > 1)
