-- distinct_firsts: the first event of each value that a rule counts once (the first of an order's purchase events)
-- grain: one row per rule, visitor and value        key: rule, visitor_id, occurrence
-- time: ts, event time
-- state: one number per rule, visitor and value, for rule_memory_ms after its last event
-- A visitor's events come in order (ordered_events), so the first to come is the first.
SELECT rule, visitor_id, session_id, rule_key, occurrence, anchor, event_id, event_time_ms, least_events, within_ms, `context`, ts
FROM (
    SELECT
        *,
        COUNT(event_time_ms) OVER (
            PARTITION BY rule, visitor_id, occurrence ORDER BY in_order_at
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS occurrence_no
    FROM (SELECT *, PROCTIME() AS in_order_at FROM distinct_events)
)
WHERE occurrence_no = 1
