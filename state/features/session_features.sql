-- session_features: the features of a session that has ended: those of its last event, and when it was closed
-- grain: one row per closed session        key: session_id
-- time: ts, event time: when the watermark passed the last event by the session gap
-- state: the newest document of each open session, dropped when it closes
-- place: of the session's last event, as in feature_documents.
SELECT
    session_id,
    visitor_id,
    closed_at_ms,
    place,
    SUBSTRING(newest, 26, CHAR_LENGTH(newest) - 26)
        || ',"session_ended":true,"closed_at_ms":' || CAST(closed_at_ms AS STRING) || '}' AS document,
    ts
FROM (
    SELECT
        session_id, visitor_id, newest, ts,
        SUBSTRING(newest, 1, 25) AS place,
        CAST(SUBSTRING(newest, 1, 13) AS BIGINT) + ${session_gap_ms} AS closed_at_ms
    FROM (
        SELECT session_id, visitor_id, MAX(place || document) AS newest, window_time AS ts
        FROM TABLE(SESSION(TABLE feature_documents PARTITION BY (visitor_id, session_id), DESCRIPTOR(ts), INTERVAL '${session_close_interval}' DAY TO SECOND(3)))
        GROUP BY visitor_id, session_id, window_start, window_end, window_time
    )
)
