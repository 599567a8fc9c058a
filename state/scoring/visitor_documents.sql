-- visitor_documents: what is known of a visitor with its last scores, for the index; in the place of the view of FEATURES
-- grain: one row per visitor with events or scores in a window of visitor_step_ms        key: visitor_id; version orders the
--        changes
-- time: none
-- state: the newest texts of each visitor in the open window, dropped when it closes; the last score of each model and the
--        place of the newest features, for visitor_memory_ms after the visitor's last change
-- A session that is cut by force ends when another is open already: its features are no longer the newest, its score waits for
-- the next window's document. Then no document rolls a visitor back.
SELECT
    visitor_id,
    at_ms AS version,
    JSON_OBJECT(
        'visitor_id' VALUE visitor_id,
        'session_id' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.session_id'),
        'first_seen_ms' VALUE CAST(JSON_VALUE(SUBSTRING(newest, 26), '$.first_seen_ms') AS BIGINT),
        'last_seen_ms' VALUE CAST(SUBSTRING(newest, 1, 13) AS BIGINT),
        'features' VALUE JSON(SUBSTRING(newest, 26)),
        'scores' VALUE JSON('[' || COALESCE(SUBSTRING(intent, 26), '')
            || CASE WHEN intent IS NOT NULL AND churn IS NOT NULL THEN ',' ELSE '' END
            || COALESCE(SUBSTRING(churn, 26), '') || ']'),
        'context' VALUE JSON_OBJECT(
            'device' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.device'),
            'country' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.country'),
            'channel' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.channel') ABSENT ON NULL),
        'version' VALUE at_ms
        ABSENT ON NULL) AS document
FROM (
    SELECT
        visitor_id, at_ms, newest,
        LAST_VALUE(intent) OVER so_far AS intent,
        LAST_VALUE(churn) OVER so_far AS churn,
        MAX(SUBSTRING(newest, 1, 25)) OVER so_far AS newest_place
    FROM (
        SELECT
            visitor_id, window_time AS ts,
            MAX(at_ms) AS at_ms, MAX(newest) AS newest, MAX(intent) AS intent, MAX(churn) AS churn
        FROM TABLE(TUMBLE(TABLE visitor_changes, DESCRIPTOR(ts), INTERVAL '${visitor_step_interval}' DAY TO SECOND(3)))
        GROUP BY visitor_id, window_start, window_end, window_time
    )
    WINDOW so_far AS (PARTITION BY visitor_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE SUBSTRING(newest, 1, 25) = newest_place
