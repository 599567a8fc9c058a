-- features: the running features as of each event; connectors/features.py says what each of them is
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: sums of each session, and its different categories and products, for dedup_ttl_ms after its last event; at most
--        session_max_events of each
-- A session's events come in order (ordered_events): each is counted as it comes.
-- Three counts share a number, 21 bits for each (a session has fewer events than two million): what is handed over and kept for
-- each session is a third of its counts.
-- values is the vector in the order of connectors/features.py: one column is cheaper to hand to a scorer than many. The
-- rates are sums of exp(time since the session began), scaled back by exp(-session age): no event is kept for them.
SELECT
    visitor_id, session_id, event_id, event_no, visitor_event_no, event_type, event_time_ms, visitor_seen_since_ms, ts,
    device, country, channel, entry_page, page,
    -- Again, for readers that want only these: an element of the array would be made of all of it, each time.
    count_add_to_cart AS carts, count_checkout_start + count_checkout_step AS checkouts, count_purchase AS purchases,
    CASE WHEN event_no > 2 THEN earlier_event_type || '>' ELSE '' END
        || CASE WHEN event_no > 1 THEN previous_event_type || '>' ELSE '' END
        || CASE WHEN event_type LIKE 'custom:%' THEN 'custom' ELSE event_type END AS last_types,
    ARRAY[
        CAST(event_no AS FLOAT),
        CAST(session_seconds AS FLOAT),
        CAST(seconds_before AS FLOAT),
        CAST(session_seconds / NULLIF(event_no - 1, 0) AS FLOAT),
        CAST(SQRT(GREATEST(squares_before / NULLIF(event_no - 1, 0)
            - POWER(session_seconds / NULLIF(event_no - 1, 0), 2), 0)) AS FLOAT),
        CAST(longest_before AS FLOAT),
        CAST(count_page_view AS FLOAT),
        CAST(count_product_view AS FLOAT),
        CAST(count_product_click AS FLOAT),
        CAST(count_product_list_view AS FLOAT),
        CAST(count_search AS FLOAT),
        CAST(count_click AS FLOAT),
        CAST(count_scroll AS FLOAT),
        CAST(count_form_start AS FLOAT),
        CAST(count_form_submit AS FLOAT),
        CAST(count_video_start AS FLOAT),
        CAST(count_video_progress AS FLOAT),
        CAST(count_video_complete AS FLOAT),
        CAST(count_promo_view AS FLOAT),
        CAST(count_promo_click AS FLOAT),
        CAST(count_add_to_cart AS FLOAT),
        CAST(count_remove_from_cart AS FLOAT),
        CAST(count_cart_view AS FLOAT),
        CAST(count_checkout_start AS FLOAT),
        CAST(count_checkout_step AS FLOAT),
        CAST(count_purchase AS FLOAT),
        CAST(count_refund AS FLOAT),
        CAST(count_identify AS FLOAT),
        CAST(count_consent AS FLOAT),
        CAST(count_custom AS FLOAT),
        CAST(seconds_on_listing AS FLOAT),
        CAST(seconds_on_product AS FLOAT),
        CAST(seconds_on_cart AS FLOAT),
        CAST(seconds_on_checkout AS FLOAT),
        CAST(seconds_on_other AS FLOAT),
        CAST(scroll_depth AS FLOAT),
        CAST(distinct_categories AS FLOAT),
        CAST(distinct_products AS FLOAT),
        CAST(price_min AS FLOAT),
        CAST(price_max AS FLOAT),
        CAST(price_mean AS FLOAT),
        CAST(funnel_step AS FLOAT),
        CAST(CASE WHEN event_no = 1 THEN 1 ELSE 0 END AS FLOAT),
        CAST(weight_5m * EXP(-LEAST(session_age / 300000e0, 700)) / 5 AS FLOAT),
        CAST(weight_30m * EXP(-LEAST(session_age / 1800000e0, 700)) / 30 AS FLOAT),
        CAST(weight_1h * EXP(-LEAST(session_age / 3600000e0, 700)) / 60 AS FLOAT),
        CAST(visitor_daily_weight / 1440 AS FLOAT),
        CAST(visitor_event_no AS FLOAT),
        CAST(visitor_session_no AS FLOAT),
        CAST(visitor_purchases AS FLOAT),
        CAST((event_time_ms - visitor_seen_since_ms) / 86400000e0 AS FLOAT),
        CAST((session_started_at_ms - before_session_at_ms) / 86400000e0 AS FLOAT),
        CAST((event_time_ms - visitor_last_purchase_at_ms) / 86400000e0 AS FLOAT),
        CAST(MOD(event_time_ms / 3600000, 24) AS FLOAT),
        CAST(MOD(event_time_ms / 86400000 + 3, 7) + 1 AS FLOAT)
    ] AS `values`
FROM (
    SELECT
        *,
        MOD(counts_1, 2097152) AS count_page_view,
        MOD(counts_1 / 2097152, 2097152) AS count_product_view,
        counts_1 / 4398046511104 AS count_product_click,
        MOD(counts_2, 2097152) AS count_product_list_view,
        MOD(counts_2 / 2097152, 2097152) AS count_search,
        counts_2 / 4398046511104 AS count_click,
        MOD(counts_3, 2097152) AS count_scroll,
        MOD(counts_3 / 2097152, 2097152) AS count_form_start,
        counts_3 / 4398046511104 AS count_form_submit,
        MOD(counts_4, 2097152) AS count_video_start,
        MOD(counts_4 / 2097152, 2097152) AS count_video_progress,
        counts_4 / 4398046511104 AS count_video_complete,
        MOD(counts_5, 2097152) AS count_promo_view,
        MOD(counts_5 / 2097152, 2097152) AS count_promo_click,
        counts_5 / 4398046511104 AS count_add_to_cart,
        MOD(counts_6, 2097152) AS count_remove_from_cart,
        MOD(counts_6 / 2097152, 2097152) AS count_cart_view,
        counts_6 / 4398046511104 AS count_checkout_start,
        MOD(counts_7, 2097152) AS count_checkout_step,
        MOD(counts_7 / 2097152, 2097152) AS count_purchase,
        counts_7 / 4398046511104 AS count_refund,
        MOD(counts_8, 2097152) AS count_identify,
        MOD(counts_8 / 2097152, 2097152) AS count_consent,
        counts_8 / 4398046511104 AS count_custom
    FROM (
        SELECT
            *,
            (event_time_ms - FIRST_VALUE(event_time_ms) OVER so_far) / 1000e0 AS session_seconds,
            SUM(seconds_before * seconds_before) OVER so_far AS squares_before,
            MAX(seconds_before) OVER so_far AS longest_before,
            SUM(CASE event_type WHEN 'page_view' THEN 1 WHEN 'product_view' THEN 2097152 WHEN 'product_click' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_1,
            SUM(CASE event_type WHEN 'product_list_view' THEN 1 WHEN 'search' THEN 2097152 WHEN 'click' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_2,
            SUM(CASE event_type WHEN 'scroll' THEN 1 WHEN 'form_start' THEN 2097152 WHEN 'form_submit' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_3,
            SUM(CASE event_type WHEN 'video_start' THEN 1 WHEN 'video_progress' THEN 2097152 WHEN 'video_complete' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_4,
            SUM(CASE event_type WHEN 'promo_view' THEN 1 WHEN 'promo_click' THEN 2097152 WHEN 'add_to_cart' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_5,
            SUM(CASE event_type WHEN 'remove_from_cart' THEN 1 WHEN 'cart_view' THEN 2097152 WHEN 'checkout_start' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_6,
            SUM(CASE event_type WHEN 'checkout_step' THEN 1 WHEN 'purchase' THEN 2097152 WHEN 'refund' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_7,
            SUM(CASE WHEN event_type = 'identify' THEN 1 WHEN event_type = 'consent' THEN 2097152 WHEN event_type LIKE 'custom:%' THEN 4398046511104 ELSE 0 END) OVER so_far AS counts_8,
            SUM(CASE WHEN page_before = 'listing' THEN seconds_before ELSE 0 END) OVER so_far AS seconds_on_listing,
            SUM(CASE WHEN page_before = 'product' THEN seconds_before ELSE 0 END) OVER so_far AS seconds_on_product,
            SUM(CASE WHEN page_before = 'cart' THEN seconds_before ELSE 0 END) OVER so_far AS seconds_on_cart,
            SUM(CASE WHEN page_before = 'checkout' THEN seconds_before ELSE 0 END) OVER so_far AS seconds_on_checkout,
            SUM(CASE WHEN page_before = 'other' THEN seconds_before ELSE 0 END) OVER so_far AS seconds_on_other,
            MAX(percent_scrolled) OVER so_far AS scroll_depth,
            COUNT(DISTINCT category) OVER so_far AS distinct_categories,
            COUNT(DISTINCT product_id) OVER so_far AS distinct_products,
            MIN(price) OVER so_far AS price_min,
            MAX(price) OVER so_far AS price_max,
            AVG(price) OVER so_far AS price_mean,
            MAX(step) OVER so_far AS funnel_step,
            SUM(EXP(LEAST(session_age / 300000e0, 700))) OVER so_far AS weight_5m,
            SUM(EXP(LEAST(session_age / 1800000e0, 700))) OVER so_far AS weight_30m,
            SUM(EXP(LEAST(session_age / 3600000e0, 700))) OVER so_far AS weight_1h,
            FIRST_VALUE(path) OVER so_far AS entry_page,
            LAST_VALUE(path) OVER so_far AS page
        FROM feature_inputs
        WINDOW so_far AS (PARTITION BY visitor_id, session_id ORDER BY in_order_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
)
