-- visitor_documents: what is known of a visitor, for the index; now and then, as every event changes it
-- grain: one row per visitor with events in a window of visitor_step_ms        key: visitor_id; version orders the changes
-- time: none
-- state: the newest document of each visitor with events in the open window, dropped when it closes
SELECT
    visitor_id,
    CAST(SUBSTRING(newest, 1, 13) AS BIGINT) AS version,
    JSON_OBJECT(
        'visitor_id' VALUE visitor_id,
        'session_id' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.session_id'),
        'first_seen_ms' VALUE CAST(JSON_VALUE(SUBSTRING(newest, 26), '$.first_seen_ms') AS BIGINT),
        'last_seen_ms' VALUE CAST(SUBSTRING(newest, 1, 13) AS BIGINT),
        'features' VALUE JSON(SUBSTRING(newest, 26)),
        'context' VALUE JSON_OBJECT(
            'device' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.device'),
            'country' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.country'),
            'channel' VALUE JSON_VALUE(SUBSTRING(newest, 26), '$.channel') ABSENT ON NULL),
        'version' VALUE CAST(SUBSTRING(newest, 1, 13) AS BIGINT)
        ABSENT ON NULL) AS document
FROM (
    SELECT visitor_id, MAX(place || document) AS newest
    FROM TABLE(TUMBLE(TABLE feature_documents, DESCRIPTOR(ts), INTERVAL '${visitor_step_interval}' DAY TO SECOND(3)))
    GROUP BY visitor_id, window_start, window_end
)
