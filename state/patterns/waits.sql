-- waits: what started a wait of ${wait_ms} ms that nothing ended in time
-- grain: one row per occurrence        key: rule, visitor_id, event_id
-- time: fired_at, event time, 1 ms before due_at_ms (a window's time is its last millisecond)
-- state: one accumulator per rule and visitor with an open wait, dropped when it is over
-- A wait since the last such event: whatever starts or ends it comes closer together than the wait as long as it goes on,
-- so a session window of that gap holds exactly one, and who was last tells whether it was answered. A wait since the
-- first event of a session gets only that one to start with. place orders events even inside a millisecond.
SELECT
    rule, visitor_id,
    MAX(session_id) AS session_id,
    SUBSTRING(MAX(place || event_id) FILTER (WHERE starts), 20) AS event_id,
    MAX(event_time_ms) FILTER (WHERE starts) AS waits_since_ms,
    MAX(event_time_ms) FILTER (WHERE starts) + ${wait_ms} AS due_at_ms,
    COUNT(*) FILTER (WHERE starts) AS events_no,
    SUM(amount) AS amount,
    MAX(recovered_within_ms) AS recovered_within_ms,
    SUBSTRING(MAX(place || `context`) FILTER (WHERE starts), 20) AS `context`,
    window_time AS fired_at
FROM TABLE(SESSION(TABLE ${events} PARTITION BY (rule, visitor_id), DESCRIPTOR(ts), INTERVAL '${wait_interval}' DAY TO SECOND(3)))
GROUP BY rule, visitor_id, window_start, window_end, window_time
HAVING COALESCE(CASE WHEN SPLIT_INDEX(rule, '/', 3) = 'first' THEN MIN(place) FILTER (WHERE starts) ELSE MAX(place) FILTER (WHERE starts) END, '')
     > COALESCE(MAX(place) FILTER (WHERE NOT starts), '')
    -- Always so. Named here, it belongs to the window of every reader; else those that do not read it get a window of their own.
    AND COALESCE(MAX(recovered_within_ms), 0) >= 0
