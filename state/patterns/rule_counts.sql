-- rule_counts: the events that counting rules look at, each with its number and the first one's time
-- grain: one row per event and rule        key: rule, session_id, rule_key, events_no
-- time: ts, event time
-- state: two numbers per rule, session and key: dedup_ttl_ms after the last such event (a session ends long before)
-- One operator for every such rule: a rule's rows carry its name and thresholds, so another rule, or another threshold,
-- is another row and not another operator, and leaves the state of the others as it is. A visitor's events come
-- in order (ordered_events): each is counted as it comes, and of events in one millisecond each has a number of its own.
SELECT
    *,
    COUNT(*) OVER so_far AS events_no,
    MIN(event_time_ms) OVER so_far AS first_at_ms
FROM (SELECT *, PROCTIME() AS in_order_at FROM counted_events)
WINDOW so_far AS (
    PARTITION BY rule, visitor_id, session_id, rule_key ORDER BY in_order_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
