-- session_matches
SELECT
    'funnel_step/1' AS rule,
    visitor_id,
    session_id AS anchor,
    'active' AS status,
    ended_at_ms + CAST(1800000 AS BIGINT) AS occurred_at_ms,
    ended_at_ms + CAST(1800000 AS BIGINT) AS version,
    session_id,
    `context`,
    JSON_OBJECT('step' VALUE CASE WHEN (`purchase`) > 0 THEN 4 WHEN (`checkout_start` + `checkout_step`) > 0 THEN 3 WHEN (`add_to_cart`) > 0 THEN 2 WHEN (`product_view`) > 0 THEN 1 END, 'reached' VALUE CASE WHEN (`purchase`) > 0 THEN 'purchase' WHEN (`checkout_start` + `checkout_step`) > 0 THEN 'checkout' WHEN (`add_to_cart`) > 0 THEN 'cart' WHEN (`product_view`) > 0 THEN 'view' END, 'dropped_before' VALUE CASE WHEN (`purchase`) > 0 THEN CAST(NULL AS STRING) WHEN (`checkout_start` + `checkout_step`) > 0 THEN 'purchase' WHEN (`add_to_cart`) > 0 THEN 'checkout' WHEN (`product_view`) > 0 THEN 'cart' END, 'steps' VALUE 4 ABSENT ON NULL) AS evidence
FROM sessions
WHERE ((`product_view`) > 0 OR (`add_to_cart`) > 0 OR (`checkout_start` + `checkout_step`) > 0 OR (`purchase`) > 0)

