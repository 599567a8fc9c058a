-- session_features: the features of a session that has ended: those of its last event, and that it has ended
-- grain: one row per closed session        key: session_id
-- time: none
-- state: the newest document of each open session, dropped when it closes
SELECT
    session_id,
    visitor_id,
    SUBSTRING(document, 1, CHAR_LENGTH(document) - 1) || ',"session_ended":true}' AS document
FROM (
    SELECT session_id, visitor_id, SUBSTRING(MAX(place || document), 26) AS document
    FROM TABLE(SESSION(TABLE feature_documents PARTITION BY (visitor_id, session_id), DESCRIPTOR(ts), INTERVAL '${session_close_interval}' DAY TO SECOND(3)))
    GROUP BY visitor_id, session_id, window_start, window_end
)
