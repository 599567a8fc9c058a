-- feature_inputs: what the running features take from an event
-- grain: one row per event        key: event_id
-- time: ts, event time; in_order_at, the order in which a visitor's events come
-- state: none
SELECT
    visitor_id, session_id, event_id, event_no, event_type, event_time_ms, session_started_at_ms, ts,
    previous_event_type, earlier_event_type, before_session_at_ms,
    visitor_event_no, visitor_session_no, visitor_purchases, visitor_last_purchase_at_ms, visitor_seen_since_ms,
    visitor_daily_weight,
    event_time_ms - session_started_at_ms AS session_age,
    CASE WHEN event_no > 1 THEN (event_time_ms - previous_event_at_ms) / 1000e0 END AS seconds_before,
    CASE WHEN event_no > 1 THEN
        CASE
                WHEN previous_event_type IN ('product_list_view', 'search') THEN 'listing'
                WHEN previous_event_type IN ('product_view', 'product_click') THEN 'product'
                WHEN previous_event_type IN ('add_to_cart', 'remove_from_cart', 'cart_view') THEN 'cart'
                WHEN previous_event_type IN ('checkout_start', 'checkout_step', 'purchase') THEN 'checkout'
            ELSE 'other'
        END
    END AS page_before,
    CASE
            WHEN event_type IN ('purchase') THEN 4
            WHEN event_type IN ('checkout_start', 'checkout_step') THEN 3
            WHEN event_type IN ('add_to_cart') THEN 2
            WHEN event_type IN ('product_view', 'product_click') THEN 1
        ELSE 0
    END AS step,
    CASE WHEN scrolled BETWEEN 0 AND 100 THEN scrolled END AS percent_scrolled,
    CASE WHEN price BETWEEN 0 AND 1e12 THEN price END AS price,
    product_id, category, path, device, country, channel,
    PROCTIME() AS in_order_at
FROM (
    SELECT
        *,
        JSON_VALUE(product, '$.product_id') AS product_id,
        JSON_VALUE(product, '$.category') AS category,
        TRY_CAST(JSON_VALUE(product, '$.price') AS DOUBLE) AS price,
        CASE WHEN event_type = 'scroll' THEN TRY_CAST(JSON_VALUE(properties, '$.percent_scrolled') AS DOUBLE) END AS scrolled,
        JSON_VALUE(`context`, '$.path') AS path,
        JSON_VALUE(`context`, '$.device') AS device,
        JSON_VALUE(`context`, '$.country') AS country,
        JSON_VALUE(`context`, '$.channel') AS channel
    FROM session_events
)
