-- match_documents: matches as documents, for the topic before SIGNALS; ${matches} is the view of them
-- grain: as rule_matches        key: visitor_id
-- time: none
-- state: none
SELECT
    visitor_id,
    JSON_OBJECT(
        'kind' VALUE kind, 'rule_name' VALUE rule_name, 'rule_version' VALUE rule_version,
        'visitor_id' VALUE visitor_id, 'anchor' VALUE anchor, 'status' VALUE status,
        'occurred_at_ms' VALUE occurred_at_ms, 'version' VALUE version,
        'expires_at_ms' VALUE expires_at_ms, 'session_id' VALUE session_id,
        'context' VALUE `context`, 'evidence' VALUE evidence) AS document
FROM ${matches}
