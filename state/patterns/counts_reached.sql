-- counts_reached: the event at which a count in a session comes to what its rule asks for
-- grain: one row per rule, session and key        key: rule, session_id, rule_key
-- time: ts, event time
-- state: none
SELECT
    rule, visitor_id, session_id, rule_key,
    session_id || CASE WHEN rule_key = '' THEN '' ELSE '/' || rule_key END AS anchor,
    event_id, event_time_ms, first_at_ms, events_no, `context`, ts
FROM rule_counts
WHERE least_ms = 0 AND events_no = least_events
