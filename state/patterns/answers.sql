-- answers: what ends a wait, with the answer before it; and late ones, which came in time by their own clock alone
-- grain: one row per answer and rule        key: rule, visitor_id, event_id
-- time: none
-- state: the last answer of each rule and visitor, for the longest recovery time and dedup_ttl_ms more
-- A visitor's events come in order (ordered_events).
SELECT
    rule, visitor_id, event_id, event_time_ms, FALSE AS is_late,
    LAG(event_time_ms, 1) OVER (PARTITION BY rule, visitor_id ORDER BY in_order_at) AS previous_answer_at_ms
FROM (SELECT *, PROCTIME() AS in_order_at FROM punctual_answers)
UNION ALL
SELECT rule, visitor_id, event_id, event_time_ms, TRUE, CAST(NULL AS BIGINT)
FROM late_answers
