-- score_signals: signals of models: from the first score of the band `high` on, each further one is a version of the signal
-- grain: one row per change of a signal        key: signal_id; version orders the changes
-- time: none
-- state: for each visitor and model what its last signal hangs on, for visitor_memory_ms after the last score
-- The others would flood: they are in the topic of scores. A score of the band `low` takes the signal back until another does not.
SELECT
    signal_id,
    visitor_id,
    scored_at_ms AS version,
    SUBSTRING(head, 1, CHAR_LENGTH(head) - 1) || ',' || said || ',"context":' || `context` || '}' AS document
FROM (
    SELECT
        signal_id, visitor_id, scored_at_ms, said, `context`,
        JSON_OBJECT(
            'signal_id' VALUE signal_id,
            'kind' VALUE model,
            'visitor_id' VALUE visitor_id,
            'occurred_at_ms' VALUE scored_at_ms,
            'expires_at_ms' VALUE scored_at_ms + ${signal_expires_after_ms},
            'session_id' VALUE session_id,
            'status' VALUE CASE WHEN band = 'low' THEN 'retracted' ELSE 'active' END,
            'version' VALUE scored_at_ms) AS head
    FROM (
        SELECT
            *,
            SUBSTRING(SHA256(model || U&'\000A' || model || U&'\000A' || visitor_id || U&'\000A' || anchor), 1, 32) AS signal_id
        FROM (
            SELECT
                model, visitor_id, session_id, anchor, scored_at_ms, band, said, `context`,
                LAST_VALUE(CASE WHEN band = 'high' THEN anchor END) OVER (
                    PARTITION BY model, visitor_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS raised
            FROM scores
        )
        WHERE raised = anchor
    )
)
