-- match_signals: the contract's signal document for every change of a match
-- grain: one row per change of a signal        key: signal_id; version orders the changes
-- time: none (detected_at_ms is the wall clock)
-- state: none
SELECT
    signal_id,
    visitor_id,
    version,
    JSON_OBJECT(
        'signal_id' VALUE signal_id,
        'kind' VALUE kind,
        'visitor_id' VALUE visitor_id,
        'occurred_at_ms' VALUE occurred_at_ms,
        'detected_at_ms' VALUE detected_at_ms,
        'expires_at_ms' VALUE expires_at_ms,
        'session_id' VALUE session_id,
        'status' VALUE status,
        'version' VALUE version,
        'rule' VALUE JSON_OBJECT('name' VALUE rule_name, 'version' VALUE rule_version),
        'evidence' VALUE JSON(evidence),
        'context' VALUE JSON(CASE WHEN `context` IS JSON OBJECT THEN `context` ELSE '{}' END)
        ABSENT ON NULL) AS document
FROM (
    SELECT
        *,
        SUBSTRING(SHA256(kind || U&'\000A' || rule_name || U&'\000A' || visitor_id || U&'\000A' || anchor), 1, 32)
            AS signal_id,
        UNIX_TIMESTAMP() * 1000 + EXTRACT(MILLISECOND FROM CURRENT_ROW_TIMESTAMP()) AS detected_at_ms
    FROM all_matches
)
