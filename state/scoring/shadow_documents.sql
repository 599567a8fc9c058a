-- shadow_documents: what a shadowing version says beside the live one, for the index
-- grain: one row per moment that both scored        key: score_id
-- time: none
-- state: none
SELECT
    score_id,
    scored_at_ms AS version,
    SUBSTRING(head, 1, CHAR_LENGTH(head) - 1) || ',' || said || ',"shadow":' || shadow || '}' AS document
FROM (
    SELECT
        score_id, scored_at_ms, said, shadow,
        JSON_OBJECT(
            'score_id' VALUE score_id,
            'kind' VALUE model,
            'visitor_id' VALUE visitor_id,
            'session_id' VALUE session_id,
            'scored_at_ms' VALUE scored_at_ms,
            'version' VALUE scored_at_ms) AS head
    FROM scores
    WHERE shadow IS NOT NULL
)
