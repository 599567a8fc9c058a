-- events_consented: each event with the last word on consent of its visitor, and when it was last over a cap of bots
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: two words per visitor, for visitor_memory after the last event
-- A visitor's events come in order (events_by_visitor). A known user's word counts on all devices; who is not known is a device
-- and nothing else, and has that device's word.
SELECT
    *,
    CASE WHEN is_known THEN known_consent ELSE device_consent END AS consent
FROM (
    SELECT
        *,
        MAX(CASE WHEN is_known THEN device_consent END) OVER so_far AS known_consent,
        MAX(CASE WHEN is_over_cap THEN event_time_ms END) OVER so_far AS last_throttle_ms
    FROM (
        SELECT
            *,
            canonical_id <> device_id OR user_id IS NOT NULL AS is_known,
            events_in_minute > ${bot_events_per_minute} OR events_in_day > ${bot_events_per_day} AS is_over_cap,
            PROCTIME() AS in_order_at
        FROM events_by_visitor
    )
    WINDOW so_far AS (PARTITION BY canonical_id ORDER BY in_order_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
