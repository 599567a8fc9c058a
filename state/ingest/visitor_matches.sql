-- visitor_matches: what ingest itself has to say of a visitor, in the shape of the rules' matches
-- grain: one row per occurrence        key: kind, rule_name, visitor_id, anchor, version
-- time: none
-- state: none
SELECT
    'visitor_merged' AS kind, 'visitor_merged' AS rule_name, 1 AS rule_version,
    user_id AS visitor_id, device_id AS anchor, 'active' AS status,
    event_time_ms AS occurred_at_ms, event_time_ms AS version,
    event_time_ms + ${signal_expires_after_ms} AS expires_at_ms, CAST(NULL AS STRING) AS session_id, `context`,
    JSON_OBJECT(
        'anonymous_id' VALUE device_id,
        'event_id' VALUE event_id,
        'users_of_anonymous_id' VALUE users_of_device) AS evidence
FROM visitors_merged
UNION ALL
SELECT
    'bot_suspected', 'bot_caps', 1,
    visitor_id, CAST(throttled_at_ms AS STRING), 'active',
    throttled_at_ms, throttled_at_ms,
    throttled_at_ms + ${signal_expires_after_ms}, CAST(NULL AS STRING), '{}',
    JSON_OBJECT(
        'events_in_minute' VALUE events_in_minute,
        'events_in_day' VALUE events_in_day,
        'held_back_from_ms' VALUE throttled_at_ms)
FROM throttles_begun
