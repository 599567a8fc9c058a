-- adapted: the results, one a row
-- grain: one row per event or refusal        key: kind, record_key
-- time: none
-- state: none
SELECT
    SPLIT_INDEX(outcome, CHR(31), 0) AS kind,
    CAST(SPLIT_INDEX(outcome, CHR(31), 1) AS BIGINT) AS event_time_ms,
    SPLIT_INDEX(outcome, CHR(31), 2) AS record_key,
    SPLIT_INDEX(outcome, CHR(31), 3) AS document,
    source_timestamp
FROM results CROSS JOIN UNNEST(results) AS made(outcome)
