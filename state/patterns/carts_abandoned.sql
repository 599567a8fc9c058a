-- carts_abandoned: an add_to_cart that no further cart event or purchase followed within the cart timeout
-- grain: one row per abandonment        key: visitor_id, last_cart_event_id
-- time: fired_at, event time, 1 ms before fires_at_ms (a window's time is its last millisecond)
-- state: one accumulator per visitor with an open cart, dropped when the timeout passes
SELECT
    visitor_id,
    SUBSTRING(MAX(place || event_id) FILTER (WHERE event_type = 'add_to_cart'), 20) AS last_cart_event_id,
    MAX(event_time_ms) FILTER (WHERE event_type = 'add_to_cart') AS last_cart_at_ms,
    MAX(event_time_ms) FILTER (WHERE event_type = 'add_to_cart') + ${cart_timeout_ms} AS fires_at_ms,
    COUNT(*) FILTER (WHERE event_type = 'add_to_cart') AS cart_events,
    SUBSTRING(MAX(place || `context`) FILTER (WHERE event_type = 'add_to_cart'), 20) AS `context`,
    window_time AS fired_at
FROM TABLE(SESSION(TABLE cart_events PARTITION BY visitor_id, DESCRIPTOR(ts), INTERVAL '${cart_timeout_interval}' DAY TO SECOND(3)))
GROUP BY visitor_id, window_start, window_end, window_time
HAVING COALESCE(MAX(place) FILTER (WHERE event_type = 'add_to_cart'), '')
     > COALESCE(MAX(place) FILTER (WHERE event_type = 'purchase'), '')
