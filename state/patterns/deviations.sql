-- deviations: closed sessions with what those before them began with
-- grain: one row per session that began with something        key: rule, visitor_id, session_id
-- time: closed_at, event time
-- state: the last ${rows_before} sessions of each visitor, for rule_memory_ms after the last of them
SELECT
    *,
    COUNT(*) OVER latest AS sessions_no,
    COUNT(DISTINCT began_with) OVER latest AS different,
    MIN(started_at_ms) OVER latest AS since_ms
FROM ${events}
WINDOW latest AS (PARTITION BY rule, visitor_id ORDER BY closed_at ROWS BETWEEN ${rows_before} PRECEDING AND CURRENT ROW)
