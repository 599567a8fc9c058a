-- all_matches: what the rules found and what ingest has to say of a visitor, on one way to the signals
-- grain: as rule_matches        key: kind, rule_name, visitor_id, anchor, version
-- time: none
-- state: none
SELECT kind, rule_name, rule_version, visitor_id, anchor, status, occurred_at_ms, version,
    expires_at_ms, session_id, `context`, evidence
FROM rule_matches
UNION ALL
SELECT kind, rule_name, rule_version, visitor_id, anchor, status, occurred_at_ms, version,
    expires_at_ms, session_id, `context`, evidence
FROM visitor_matches
