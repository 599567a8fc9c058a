-- audit_sessions: what ingest found valid against what SESSIONS took in, for each five minutes of event time
-- grain: one row per window, changing until all of it is in        key: window_start_ms
-- time: none
-- state: the sums of each window, for dedup_ttl_ms after its last change
SELECT
    window_start_ms,
    SUM(events) AS facts,
    COALESCE(SUM(events) FILTER (WHERE verdict = 'valid'), 0) AS valid,
    COALESCE(SUM(events) FILTER (WHERE verdict = 'sessions'), 0) AS sessions,
    COALESCE(SUM(checksum) FILTER (WHERE verdict = 'valid'), 0) AS valid_checksum,
    COALESCE(SUM(checksum) FILTER (WHERE verdict = 'sessions'), 0) AS sessions_checksum,
    SUM(CASE WHEN verdict = 'valid' THEN events ELSE -events END) AS difference,
    SUM(CASE WHEN verdict = 'valid' THEN checksum ELSE -checksum END) AS checksum_difference
FROM audit_entries
WHERE verdict IN ('valid', 'sessions')
GROUP BY window_start_ms
