-- session_documents: the contract's session document, ready for the index and the topic
-- grain: one row per closed session        key: session_id
-- time: none
-- state: none
SELECT
    session_id,
    visitor_id,
    ended_at_ms AS version,
    JSON_OBJECT(
        'session_id' VALUE session_id,
        'visitor_id' VALUE visitor_id,
        'started_at_ms' VALUE started_at_ms,
        'ended_at_ms' VALUE ended_at_ms,
        'duration_ms' VALUE ended_at_ms - started_at_ms,
        'events' VALUE events,
        'counts' VALUE JSON_OBJECT(
            'page_view' VALUE `page_view`,
            'product_view' VALUE `product_view`,
            'product_click' VALUE `product_click`,
            'product_list_view' VALUE `product_list_view`,
            'search' VALUE `search`,
            'click' VALUE `click`,
            'scroll' VALUE `scroll`,
            'form_start' VALUE `form_start`,
            'form_submit' VALUE `form_submit`,
            'video_start' VALUE `video_start`,
            'video_progress' VALUE `video_progress`,
            'video_complete' VALUE `video_complete`,
            'promo_view' VALUE `promo_view`,
            'promo_click' VALUE `promo_click`,
            'add_to_cart' VALUE `add_to_cart`,
            'remove_from_cart' VALUE `remove_from_cart`,
            'cart_view' VALUE `cart_view`,
            'checkout_start' VALUE `checkout_start`,
            'checkout_step' VALUE `checkout_step`,
            'purchase' VALUE `purchase`,
            'refund' VALUE `refund`,
            'identify' VALUE `identify`,
            'consent' VALUE `consent`,
            'custom' VALUE `custom`),
        'close_reason' VALUE close_reason,
        'version' VALUE ended_at_ms) AS document
FROM sessions
