-- first_hits: the first time that a rule is fulfilled for what it fires once for (a session and key, an order …)
-- grain: one row per rule, visitor and anchor        key: rule, visitor_id, anchor
-- time: ts, event time
-- state: one number per rule, visitor and anchor: dedup_ttl_ms after the last hit
-- What fulfils a rule comes in the order of a visitor's events (ordered_events).
SELECT rule, visitor_id, session_id, rule_key, anchor, event_id, event_time_ms, first_at_ms, events_no, `context`, ts
FROM (
    SELECT
        *,
        COUNT(*) OVER (
            PARTITION BY rule, visitor_id, anchor ORDER BY in_order_at
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS hit_no
    FROM (SELECT *, PROCTIME() AS in_order_at FROM repeated_hits)
)
WHERE hit_no = 1
