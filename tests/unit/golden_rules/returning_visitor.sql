-- visitor_returns
SELECT
    'returning_visitor/1' AS rule,
    visitor_id,
    session_id,
    event_id,
    event_time_ms,
    previous_event_at_ms,
    `context`
FROM session_events
WHERE event_time_ms - previous_event_at_ms >= CAST(604800000 AS BIGINT)

