-- sessions: a visitor's events with no gap of more than the session gap between them, closed by force if none comes
-- grain: one row per closed session        key: session_id
-- time: closed_at, event time: when the watermark passed the last event by the gap
-- state: one accumulator per open session, dropped when it closes
-- The window's gap is 1 ms more than the session gap: see session_events. Where sessions end is decided there.
-- close_reason: max_events: it has session_max_events; max_duration: it was still open at session_ends_by_ms, session_max_ms
-- after the visitor's stretch without a gap began (or a multiple); else gap. What comes then is another session.
SELECT
    visitor_id,
    session_id,
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
    CASE
        WHEN COUNT(*) >= ${session_max_events} THEN 'max_events'
        WHEN MAX(session_ends_by_ms) - MAX(event_time_ms) <= ${session_gap_ms} THEN 'max_duration'
        ELSE 'gap'
    END AS close_reason,
    -- What rules ask of a closed session (state/rules/at_end.py). Text is taken from the first event that has it:
    -- numbers of ten digits order as text.
    -- Within bounds: a number may be written that no sum survives (1e400, NaN).
    SUM(CASE WHEN event_type = 'purchase' AND TRY_CAST(JSON_VALUE(`order`, '$.revenue') AS DOUBLE) BETWEEN -1e12 AND 1e12
        THEN TRY_CAST(JSON_VALUE(`order`, '$.revenue') AS DOUBLE) END) AS revenue,
    SUM(CASE WHEN event_type = 'add_to_cart'
            AND TRY_CAST(JSON_VALUE(product, '$.price') AS DOUBLE) BETWEEN -1e12 AND 1e12
        THEN TRY_CAST(JSON_VALUE(product, '$.price') AS DOUBLE)
            * CASE WHEN TRY_CAST(JSON_VALUE(product, '$.quantity') AS DOUBLE) BETWEEN -1e12 AND 1e12
                THEN TRY_CAST(JSON_VALUE(product, '$.quantity') AS DOUBLE) ELSE 1 END END) AS cart_value,
    SUBSTRING(MIN(CAST(1000000000 + event_no AS STRING) || `context`), 11) AS `context`,
    SUBSTRING(MIN(CASE WHEN event_type IN ('product_view', 'product_list_view', 'page_view')
        THEN CAST(1000000000 + event_no AS STRING) || JSON_VALUE(product, '$.category') END), 11) AS first_category,
    window_time AS closed_at
FROM TABLE(SESSION(TABLE session_events PARTITION BY (visitor_id, session_id), DESCRIPTOR(ts), INTERVAL '${session_close_interval}' DAY TO SECOND(3)))
GROUP BY visitor_id, session_id, window_start, window_end, window_time
