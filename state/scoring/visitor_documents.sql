-- visitor_documents: what is known of a visitor with its last scores, for the index; in the place of the view of FEATURES
-- grain: one row per visitor with events or scores in a window of visitor_step_ms        key: visitor_id; version orders the
--        changes
-- time: none
-- state: the newest texts of each visitor in the open window, dropped when it closes; the last score of each model and the
--        place of the newest features, for visitor_memory_ms after the visitor's last change
-- A session that is cut by force ends when another is open already: its features are no longer the newest, its score waits for
-- the next window's document. Then no document rolls a visitor back.
-- Text is cut out of the features' text and joined: Flink writes the members of an object in the order of their names, and inside
-- of JSON strings every quote is escaped, so what is looked for is found in its place only. Functions of JSON would read all
-- of the text at each use.
SELECT
    visitor_id,
    at_ms AS version,
    '{"visitor_id":' || JSON_STRING(visitor_id)
        || ',"session_id":"' || REGEXP_EXTRACT(newest, '"session_id":"([0-9a-f]+)"', 1) || '"'
        || COALESCE(',"first_seen_ms":' || REGEXP_EXTRACT(newest, '"first_seen_ms":([0-9]+)', 1), '')
        || ',"last_seen_ms":' || CAST(CAST(SUBSTRING(newest, 1, 13) AS BIGINT) AS STRING)
        || ',"context":{' || TRIM(TRAILING ',' FROM REGEXP_EXTRACT(
            newest, '^.{25}\{((?:"(?:channel|country|device)":"[^"\\]*+(?:\\.[^"\\]*+)*+",)*+)', 1)) || '}'
        || ',"features":' || SUBSTRING(newest, 26)
        || ',"scores":[' || COALESCE(SUBSTRING(intent, 26), '')
            || CASE WHEN intent IS NOT NULL AND churn IS NOT NULL THEN ',' ELSE '' END
            || COALESCE(SUBSTRING(churn, 26), '') || ']'
        || ',"version":' || CAST(at_ms AS STRING) || '}' AS document
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
