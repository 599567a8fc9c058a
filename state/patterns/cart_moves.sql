-- cart_moves: abandonments and purchases of a visitor on one time line
-- grain: one row per abandonment or purchase        key: visitor_id, moved_at, kind
-- time: moved_at, event time
-- state: none
SELECT visitor_id, 'abandoned' AS kind, last_cart_event_id AS event_id, last_cart_at_ms, fires_at_ms AS at_ms,
       cart_events, `context`, fired_at AS moved_at
FROM carts_abandoned
UNION ALL
SELECT visitor_id, 'purchase' AS kind, event_id, CAST(NULL AS BIGINT), event_time_ms AS at_ms,
       CAST(NULL AS BIGINT), `context`, ts AS moved_at
FROM cart_events
WHERE event_type = 'purchase'
