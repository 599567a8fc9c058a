-- rule_matches: what the rules found, in one shape for every rule
-- grain: one row per change of an occurrence        key: kind, rule_name, visitor_id, anchor, version
-- time: none
-- state: none
SELECT
    'cart_abandoned' AS kind, 'cart_abandoned' AS rule_name, 1 AS rule_version,
    visitor_id, last_cart_event_id AS anchor, 'active' AS status,
    fires_at_ms AS occurred_at_ms, fires_at_ms AS version, `context`,
    JSON_OBJECT(
        'last_cart_event_id' VALUE last_cart_event_id,
        'last_cart_at_ms' VALUE last_cart_at_ms,
        'cart_events' VALUE cart_events) AS evidence
FROM carts_abandoned
UNION ALL
SELECT
    'cart_abandoned', 'cart_abandoned', 1,
    visitor_id, last_cart_event_id, 'recovered',
    fires_at_ms, purchased_at_ms, `context`,
    JSON_OBJECT(
        'last_cart_event_id' VALUE last_cart_event_id,
        'last_cart_at_ms' VALUE last_cart_at_ms,
        'cart_events' VALUE cart_events,
        'purchase_event_id' VALUE purchase_event_id,
        'purchased_at_ms' VALUE purchased_at_ms)
FROM carts_recovered
