-- visitor_documents: what is known of a visitor, for the index; now and then, as every event changes it
-- grain: one row per visitor with events in a window of visitor_step_ms        key: visitor_id; version orders the changes
-- time: none
-- state: the newest document of each visitor with events in the open window, dropped when it closes
-- Text is cut out of the features' text and joined: Flink writes the members of an object in the order of their names, and inside
-- of JSON strings every quote is escaped, so what is looked for is found in its place only. Functions of JSON would read all
-- of the text at each use.
SELECT
    visitor_id,
    CAST(SUBSTRING(newest, 1, 13) AS BIGINT) AS version,
    '{"visitor_id":' || JSON_STRING(visitor_id)
        || ',"session_id":"' || REGEXP_EXTRACT(newest, '"session_id":"([0-9a-f]+)"', 1) || '"'
        || COALESCE(',"first_seen_ms":' || REGEXP_EXTRACT(newest, '"first_seen_ms":([0-9]+)', 1), '')
        || ',"last_seen_ms":' || CAST(CAST(SUBSTRING(newest, 1, 13) AS BIGINT) AS STRING)
        || ',"context":{' || TRIM(TRAILING ',' FROM REGEXP_EXTRACT(
            newest, '^.{25}\{((?:"(?:channel|country|device)":"[^"\\]*+(?:\\.[^"\\]*+)*+",)*+)', 1)) || '}'
        || ',"features":' || SUBSTRING(newest, 26)
        || ',"version":' || CAST(CAST(SUBSTRING(newest, 1, 13) AS BIGINT) AS STRING) || '}' AS document
FROM (
    SELECT visitor_id, MAX(place || document) AS newest
    FROM TABLE(TUMBLE(TABLE feature_documents, DESCRIPTOR(ts), INTERVAL '${visitor_step_interval}' DAY TO SECOND(3)))
    GROUP BY visitor_id, window_start, window_end
)
