-- session_matches
SELECT
    'search_without_interaction/1' AS rule,
    visitor_id,
    session_id AS anchor,
    'active' AS status,
    ended_at_ms + CAST(1800000 AS BIGINT) AS occurred_at_ms,
    ended_at_ms + CAST(1800000 AS BIGINT) AS version,
    session_id,
    `context`,
    JSON_OBJECT('search_events' VALUE `search`, 'started_at_ms' VALUE started_at_ms, 'ended_at_ms' VALUE ended_at_ms ABSENT ON NULL) AS evidence
FROM sessions
WHERE (`search`) > 0 AND (`add_to_cart` + `product_click` + `product_view`) = 0

