-- sessions: a visitor's events with no gap of more than the session gap between them
-- grain: one row per closed session        key: visitor_id, started_at_ms
-- time: closed_at, event time: when the watermark passed the last event by the gap
-- state: one accumulator per open session, dropped when it closes. A gap of exactly the session gap does not
--        split (the window operator merges it).
SELECT
    visitor_id,
    MIN(event_time_ms) AS started_at_ms,
    MAX(event_time_ms) AS ended_at_ms,
    COUNT(*) AS events,
    COUNT(*) FILTER (WHERE event_type = 'page_view') AS `page_view`,
    COUNT(*) FILTER (WHERE event_type = 'product_view') AS `product_view`,
    COUNT(*) FILTER (WHERE event_type = 'product_click') AS `product_click`,
    COUNT(*) FILTER (WHERE event_type = 'product_list_view') AS `product_list_view`,
    COUNT(*) FILTER (WHERE event_type = 'search') AS `search`,
    COUNT(*) FILTER (WHERE event_type = 'click') AS `click`,
    COUNT(*) FILTER (WHERE event_type = 'scroll') AS `scroll`,
    COUNT(*) FILTER (WHERE event_type = 'form_start') AS `form_start`,
    COUNT(*) FILTER (WHERE event_type = 'form_submit') AS `form_submit`,
    COUNT(*) FILTER (WHERE event_type = 'video_start') AS `video_start`,
    COUNT(*) FILTER (WHERE event_type = 'video_progress') AS `video_progress`,
    COUNT(*) FILTER (WHERE event_type = 'video_complete') AS `video_complete`,
    COUNT(*) FILTER (WHERE event_type = 'promo_view') AS `promo_view`,
    COUNT(*) FILTER (WHERE event_type = 'promo_click') AS `promo_click`,
    COUNT(*) FILTER (WHERE event_type = 'add_to_cart') AS `add_to_cart`,
    COUNT(*) FILTER (WHERE event_type = 'remove_from_cart') AS `remove_from_cart`,
    COUNT(*) FILTER (WHERE event_type = 'cart_view') AS `cart_view`,
    COUNT(*) FILTER (WHERE event_type = 'checkout_start') AS `checkout_start`,
    COUNT(*) FILTER (WHERE event_type = 'checkout_step') AS `checkout_step`,
    COUNT(*) FILTER (WHERE event_type = 'purchase') AS `purchase`,
    COUNT(*) FILTER (WHERE event_type = 'refund') AS `refund`,
    COUNT(*) FILTER (WHERE event_type = 'identify') AS `identify`,
    COUNT(*) FILTER (WHERE event_type = 'consent') AS `consent`,
    COUNT(*) FILTER (WHERE event_type LIKE 'custom:%') AS `custom`,
    window_time AS closed_at
FROM TABLE(SESSION(TABLE events_valid PARTITION BY visitor_id, DESCRIPTOR(ts), INTERVAL '${session_gap_interval}' DAY TO SECOND(3)))
GROUP BY visitor_id, window_start, window_end, window_time
