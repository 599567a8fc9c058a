-- sessions: a visitor's events with no gap of more than the session gap between them, closed by force if none comes
-- grain: one row per closed session        key: session_id
-- time: closed_at, event time: when the watermark passed the last event by the gap
-- state: one accumulator per open session, dropped when it closes
-- The window's gap is 1 ms more than the session gap: see session_events. Where sessions end is decided there.
-- close_reason: max_events: it has session_max_events; max_duration: it was still open at session_ends_by_ms, session_max_ms
-- after the visitor's stretch without a gap began (or a multiple); else gap. What comes then is another session.
SELECT
    visitor_id, session_id, started_at_ms, ended_at_ms, events,
    MOD(counts_1, 2097152) AS `page_view`,
    MOD(counts_1 / 2097152, 2097152) AS `product_view`,
    counts_1 / 4398046511104 AS `product_click`,
    MOD(counts_2, 2097152) AS `product_list_view`,
    MOD(counts_2 / 2097152, 2097152) AS `search`,
    counts_2 / 4398046511104 AS `click`,
    MOD(counts_3, 2097152) AS `scroll`,
    MOD(counts_3 / 2097152, 2097152) AS `form_start`,
    counts_3 / 4398046511104 AS `form_submit`,
    MOD(counts_4, 2097152) AS `video_start`,
    MOD(counts_4 / 2097152, 2097152) AS `video_progress`,
    counts_4 / 4398046511104 AS `video_complete`,
    MOD(counts_5, 2097152) AS `promo_view`,
    MOD(counts_5 / 2097152, 2097152) AS `promo_click`,
    counts_5 / 4398046511104 AS `add_to_cart`,
    MOD(counts_6, 2097152) AS `remove_from_cart`,
    MOD(counts_6 / 2097152, 2097152) AS `cart_view`,
    counts_6 / 4398046511104 AS `checkout_start`,
    MOD(counts_7, 2097152) AS `checkout_step`,
    MOD(counts_7 / 2097152, 2097152) AS `purchase`,
    counts_7 / 4398046511104 AS `refund`,
    MOD(counts_8, 2097152) AS `identify`,
    MOD(counts_8 / 2097152, 2097152) AS `consent`,
    counts_8 / 4398046511104 AS `custom`,
    close_reason, revenue, cart_value, `context`, first_category, closed_at
FROM (
    SELECT
        visitor_id,
        session_id,
        MIN(event_time_ms) AS started_at_ms,
        MAX(event_time_ms) AS ended_at_ms,
        COUNT(*) AS events,
        SUM(CASE event_type WHEN 'page_view' THEN 1 WHEN 'product_view' THEN 2097152 WHEN 'product_click' THEN 4398046511104 ELSE 0 END) AS counts_1,
        SUM(CASE event_type WHEN 'product_list_view' THEN 1 WHEN 'search' THEN 2097152 WHEN 'click' THEN 4398046511104 ELSE 0 END) AS counts_2,
        SUM(CASE event_type WHEN 'scroll' THEN 1 WHEN 'form_start' THEN 2097152 WHEN 'form_submit' THEN 4398046511104 ELSE 0 END) AS counts_3,
        SUM(CASE event_type WHEN 'video_start' THEN 1 WHEN 'video_progress' THEN 2097152 WHEN 'video_complete' THEN 4398046511104 ELSE 0 END) AS counts_4,
        SUM(CASE event_type WHEN 'promo_view' THEN 1 WHEN 'promo_click' THEN 2097152 WHEN 'add_to_cart' THEN 4398046511104 ELSE 0 END) AS counts_5,
        SUM(CASE event_type WHEN 'remove_from_cart' THEN 1 WHEN 'cart_view' THEN 2097152 WHEN 'checkout_start' THEN 4398046511104 ELSE 0 END) AS counts_6,
        SUM(CASE event_type WHEN 'checkout_step' THEN 1 WHEN 'purchase' THEN 2097152 WHEN 'refund' THEN 4398046511104 ELSE 0 END) AS counts_7,
        SUM(CASE WHEN event_type = 'identify' THEN 1 WHEN event_type = 'consent' THEN 2097152 WHEN event_type LIKE 'custom:%' THEN 4398046511104 ELSE 0 END) AS counts_8,
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
)
