-- session_events: every valid event with the session it belongs to, its place in it and what came before it
-- grain: one row per event, by event time, then sequence, then event_id        key: visitor_id, session_id, event_no
-- time: ts, event time
-- state: a few numbers per visitor, for visitor_memory_ms after the visitor's last event; nothing per session
-- session_started_at_ms: the session's first event; of a session cut for its number of events, that of its part 0
-- session_part: 0, but in a session of more than session_max_events events 1, 2 … for what is over
-- session_ends_by_ms: at this time the session is closed even if no gap comes
-- event_no: 1, 2, 3 … in the session
-- previous_event_at_ms, previous_event_type, earlier_event_type: the visitor's last event and the one before it, in
--        whatever session; custom:<name> is custom there; NULL when there is none
-- before_session_at_ms: the visitor's last event before the session (before its part 0); NULL in the first
-- visitor_…: of all that is remembered of the visitor, this event included
-- For windows over this view: a row comes out with the watermark that passes it, so a window that ends at the row's time
-- has closed 1 ms before. A session window needs a gap of session_gap_ms and 1 ms (session_close_interval), by session_id.
-- All of it follows from the set of a visitor's events, whatever their order of arrival. LAST_VALUE passes over NULLs: it is
-- the value at the newest row where something began. An event before is kept as one number, its time and its type.
SELECT
    visitor_id, event_id, event_type, event_time_ms, `sequence`, anonymous_id, user_id,
    `context`, product, `order`, properties, ts,
    session_started_at_ms,
    session_part,
    session_ends_by_ms,
    event_no_of_parts - session_part * ${session_max_events} AS event_no,
    SUBSTRING(SHA256(
        visitor_id || U&'\000A' || CAST(session_started_at_ms AS STRING)
            || CASE WHEN session_part = 0 THEN '' ELSE U&'\000A' || CAST(session_part AS STRING) END), 1, 32) AS session_id,
    previous_event_at_ms,
    ELT(CAST(MOD(previous_event, 32) AS INT),
        'page_view', 'product_view', 'product_click', 'product_list_view', 'search', 'click', 'scroll',
        'form_start', 'form_submit', 'video_start', 'video_progress', 'video_complete', 'promo_view',
        'promo_click', 'add_to_cart', 'remove_from_cart', 'cart_view', 'checkout_start', 'checkout_step',
        'purchase', 'refund', 'identify', 'consent', 'custom') AS previous_event_type,
    ELT(CAST(MOD(earlier_event, 32) AS INT),
        'page_view', 'product_view', 'product_click', 'product_list_view', 'search', 'click', 'scroll',
        'form_start', 'form_submit', 'video_start', 'video_progress', 'video_complete', 'promo_view',
        'promo_click', 'add_to_cart', 'remove_from_cart', 'cart_view', 'checkout_start', 'checkout_step',
        'purchase', 'refund', 'identify', 'consent', 'custom') AS earlier_event_type,
    before_session_at_ms,
    visitor_event_no,
    visitor_session_no,
    visitor_purchases,
    visitor_last_purchase_at_ms,
    -- The operators forget a visitor one after the other, not at once: in between this is not known.
    CASE WHEN remembered_since_ms = visitor_seen_since_ms THEN visitor_seen_since_ms END AS visitor_seen_since_ms,
    -- A number of 64 bits holds EXP of 709 days.
    CASE WHEN remembered_since_ms = visitor_seen_since_ms AND event_time_ms - visitor_seen_since_ms < 60480000000 THEN
        visitor_daily_weight * EXP((visitor_seen_since_ms - event_time_ms) / 86400000e0) END AS visitor_daily_weight
FROM (
    SELECT
        *,
        visitor_event_no - events_before AS event_no_of_parts,
        (visitor_event_no - events_before - 1) / ${session_max_events} AS session_part,
        unbroken_since_ms + ((event_time_ms - unbroken_since_ms) / ${session_max_ms} + 1) * ${session_max_ms} AS session_ends_by_ms
    FROM (
        SELECT
            *,
            LAST_VALUE(CASE WHEN begins THEN event_time_ms END) OVER so_far AS session_started_at_ms,
            LAST_VALUE(CASE WHEN begins THEN visitor_event_no - 1 END) OVER so_far AS events_before,
            LAST_VALUE(CASE WHEN begins THEN previous_event_at_ms END) OVER so_far AS before_session_at_ms,
            SUM(CASE WHEN begins THEN 1 ELSE 0 END) OVER so_far AS visitor_session_no,
            SUM(CASE WHEN event_type = 'purchase' THEN 1 ELSE 0 END) OVER so_far AS visitor_purchases,
            LAST_VALUE(CASE WHEN event_type = 'purchase' THEN event_time_ms END) OVER so_far AS visitor_last_purchase_at_ms,
            MIN(visitor_seen_since_ms) OVER so_far AS remembered_since_ms,
            SUM(EXP((event_time_ms - visitor_seen_since_ms) / 86400000e0)) OVER so_far AS visitor_daily_weight
        FROM (
            SELECT
                *,
                after_gap OR (event_time_ms - unbroken_since_ms) / ${session_max_ms}
                    > (previous_event_at_ms - unbroken_since_ms) / ${session_max_ms} AS begins
            FROM (
                SELECT
                    *,
                    COUNT(*) OVER so_far AS visitor_event_no,
                    MIN(event_time_ms) OVER so_far AS visitor_seen_since_ms,
                    LAST_VALUE(CASE WHEN after_gap THEN event_time_ms END) OVER so_far AS unbroken_since_ms
                FROM (
                    SELECT
                        *,
                        previous_event / 32 AS previous_event_at_ms,
                        previous_event IS NULL OR event_time_ms - previous_event / 32 > ${session_gap_ms} AS after_gap
                    FROM (
                        SELECT
                            *,
                            LAG(this_event, 1) OVER (PARTITION BY visitor_id ORDER BY in_order_at) AS previous_event,
                            LAG(this_event, 2) OVER (PARTITION BY visitor_id ORDER BY in_order_at) AS earlier_event
                        FROM (
                            SELECT
                                *,
                                PROCTIME() AS in_order_at,
                                event_time_ms * 32 + CASE event_type
                                    WHEN 'page_view' THEN 1 WHEN 'product_view' THEN 2 WHEN 'product_click' THEN 3
                                    WHEN 'product_list_view' THEN 4 WHEN 'search' THEN 5 WHEN 'click' THEN 6
                                    WHEN 'scroll' THEN 7 WHEN 'form_start' THEN 8 WHEN 'form_submit' THEN 9
                                    WHEN 'video_start' THEN 10 WHEN 'video_progress' THEN 11 WHEN 'video_complete' THEN 12
                                    WHEN 'promo_view' THEN 13 WHEN 'promo_click' THEN 14 WHEN 'add_to_cart' THEN 15
                                    WHEN 'remove_from_cart' THEN 16 WHEN 'cart_view' THEN 17 WHEN 'checkout_start' THEN 18
                                    WHEN 'checkout_step' THEN 19 WHEN 'purchase' THEN 20 WHEN 'refund' THEN 21
                                    WHEN 'identify' THEN 22 WHEN 'consent' THEN 23
                                    ELSE 24 END AS this_event
                            FROM ordered_events
                        )
                    )
                )
                WINDOW so_far AS (PARTITION BY visitor_id ORDER BY in_order_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            )
        )
        WINDOW so_far AS (PARTITION BY visitor_id ORDER BY in_order_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
)
