-- events_checked: every event that parses as a JSON object, with the reason it is refused for, or NULL
-- grain: one row per parsed event        key: source_partition, source_offset (an array message has several)
-- time: ts, event time; a row whose time is refused has the epoch there and never moves the watermark
-- state: none
SELECT
    `schema`, event_id, event_type,
    TRY_CAST(event_time_ms AS BIGINT) AS event_time_ms,
    TRY_CAST(received_at_ms AS BIGINT) AS received_at_ms,
    visitor_id, anonymous_id, user_id, session_hint,
    `context`, product, `order`, properties,
    COALESCE(TRY_CAST(`sequence` AS BIGINT), 0) AS `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts,
    CASE
        -- What is kept of it, in characters: its bytes are not here. No topic behind takes more.
        WHEN CHAR_LENGTH(event_id) + CHAR_LENGTH(visitor_id)
            + COALESCE(CHAR_LENGTH(event_type), 0) + COALESCE(CHAR_LENGTH(anonymous_id), 0)
            + COALESCE(CHAR_LENGTH(user_id), 0) + COALESCE(CHAR_LENGTH(session_hint), 0)
            + COALESCE(CHAR_LENGTH(`context`), 0) + COALESCE(CHAR_LENGTH(product), 0)
            + COALESCE(CHAR_LENGTH(`order`), 0) + COALESCE(CHAR_LENGTH(properties), 0) > 1000000 THEN 'oversized:'
        WHEN `schema` IS NULL THEN 'missing_field:schema'
        WHEN `schema` <> 'event/1' THEN 'unknown_schema:schema'
        WHEN event_id IS NULL THEN 'missing_field:event_id'
        WHEN event_type IS NULL THEN 'missing_field:event_type'
        WHEN event_time_ms IS NULL THEN 'missing_field:event_time_ms'
        WHEN visitor_id IS NULL THEN 'missing_field:visitor_id'
        WHEN TRY_CAST(event_time_ms AS BIGINT) IS NULL OR POSITION('.' IN event_time_ms) > 0 THEN 'wrong_type:event_time_ms'
        WHEN `sequence` IS NOT NULL AND (TRY_CAST(`sequence` AS BIGINT) IS NULL OR POSITION('.' IN `sequence`) > 0)
            THEN 'wrong_type:sequence'
        WHEN event_id IN ('true', 'false') THEN 'wrong_type:event_id'
        WHEN visitor_id IN ('true', 'false') THEN 'wrong_type:visitor_id'
        WHEN event_id LIKE '{%' AND event_id IS JSON OBJECT THEN 'wrong_type:event_id'
        WHEN event_id LIKE '[%' AND event_id IS JSON ARRAY THEN 'wrong_type:event_id'
        WHEN visitor_id LIKE '{%' AND visitor_id IS JSON OBJECT THEN 'wrong_type:visitor_id'
        WHEN visitor_id LIKE '[%' AND visitor_id IS JSON ARRAY THEN 'wrong_type:visitor_id'
        WHEN CHAR_LENGTH(event_id) NOT BETWEEN 1 AND 128 THEN 'out_of_range:event_id'
        WHEN CHAR_LENGTH(visitor_id) NOT BETWEEN 1 AND 256 THEN 'out_of_range:visitor_id'
        WHEN event_type NOT IN (
            'page_view', 'product_view', 'product_click', 'product_list_view', 'search', 'click', 'scroll',
            'form_start', 'form_submit', 'video_start', 'video_progress', 'video_complete', 'promo_view',
            'promo_click', 'add_to_cart', 'remove_from_cart', 'cart_view', 'checkout_start', 'checkout_step',
            'purchase', 'refund', 'identify', 'consent', 'heartbeat')
            AND event_type NOT LIKE 'custom:_%' THEN 'out_of_range:event_type'
        WHEN TRY_CAST(event_time_ms AS BIGINT) NOT BETWEEN 0 AND 4102444800000 THEN 'out_of_range:event_time_ms'
        WHEN TRY_CAST(`sequence` AS BIGINT) NOT BETWEEN 0 AND 999999 THEN 'out_of_range:sequence'
        WHEN TO_TIMESTAMP_LTZ(TRY_CAST(event_time_ms AS BIGINT), 3) > source_timestamp + INTERVAL '5' MINUTE
            THEN 'future_timestamp:event_time_ms'
    END AS refusal
FROM events_json
