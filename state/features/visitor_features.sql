-- visitor_features: the newest features of each visitor, now and then, as every event changes them
-- grain: one row per visitor with events in a window of visitor_step_ms        key: visitor_id, place
-- time: ts, event time: the window's end
-- state: the newest document of each visitor with events in the open window, dropped when it closes
-- Before scores join them: in the task that makes the documents, so that not each of them is handed on.
SELECT visitor_id, CAST(SUBSTRING(newest, 1, 13) AS BIGINT) AS at_ms, newest, ts
FROM (
    SELECT visitor_id, MAX(place || document) AS newest, window_time AS ts
    FROM TABLE(TUMBLE(TABLE feature_documents, DESCRIPTOR(ts), INTERVAL '${visitor_step_interval}' DAY TO SECOND(3)))
    GROUP BY visitor_id, window_start, window_end, window_time
)
