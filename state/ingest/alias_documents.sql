-- alias_documents: which anonymous id belongs to which user, ready for the index and the topic
-- grain: one row per anonymous id and user        key: alias_id
-- time: none
-- state: none
SELECT
    alias_id,
    user_id AS visitor_id,
    event_time_ms AS version,
    JSON_OBJECT(
        'alias_id' VALUE alias_id,
        'anonymous_id' VALUE device_id,
        'visitor_id' VALUE user_id,
        'linked_at_ms' VALUE event_time_ms,
        'users_of_anonymous_id' VALUE users_of_device,
        'version' VALUE event_time_ms) AS document
FROM (
    SELECT *, SUBSTRING(SHA256(device_id || U&'\000A' || user_id), 1, 32) AS alias_id
    FROM visitors_merged
)
