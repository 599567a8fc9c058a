-- signal_histories: every change of a signal with the visitor's last changes, itself the last
-- grain: one row per change of a signal        key: signal_id; version orders the changes
-- time: arrived_at, the order of arrival
-- state: the last 64 changes of each visitor, for visitor_memory_ms after the last one
-- By arrival: a decision must not wait for further signals, and a visitor's signals lie in one partition of their topic, so
-- that a replay finds them in the same order.
-- history is JSON objects with record separators (U+001E) between, which JSON text never holds.
SELECT
    visitor_id, document,
    LISTAGG(change, U&'\001E') OVER (
        PARTITION BY visitor_id ORDER BY arrived_at ROWS BETWEEN 63 PRECEDING AND CURRENT ROW) AS history
FROM (
    SELECT
        visitor_id, document,
        JSON_OBJECT(
            'signal_id' VALUE signal_id,
            'visitor_id' VALUE visitor_id,
            'kind' VALUE JSON_VALUE(document, '$.kind'),
            'status' VALUE JSON_VALUE(document, '$.status'),
            'version' VALUE version,
            'occurred_at_ms' VALUE CAST(JSON_VALUE(document, '$.occurred_at_ms') AS BIGINT),
            'expires_at_ms' VALUE CAST(JSON_VALUE(document, '$.expires_at_ms') AS BIGINT),
            'consent' VALUE JSON_VALUE(document, '$.context.consent')) AS change,
        PROCTIME() AS arrived_at
    FROM signal_documents
)
