-- ordered_events: every valid event, a visitor's one after the other by event time, then sequence, then event_id
-- grain: one row per event        key: visitor_id, event_id
-- time: ts, event time
-- state: the events that the watermark has not passed
-- A window of one millisecond holds the events that time does not tell apart; their ranks are all wanted, the operator just
-- sorts (half the work of pattern matching with each event a match of its own). What is in order stays so: a visitor's rows
-- go the same way from operator to operator. So whoever counts them by visitor, or by anything that belongs to one visitor,
-- takes them as they come (ORDER BY in_order_at, which is PROCTIME()): at once, and with a number for each event also of
-- one millisecond. ORDER BY ts would put every row aside once more, with a timer, until a watermark comes.
SELECT
    visitor_id, event_id, event_type, event_time_ms, `sequence`, anonymous_id, user_id,
    `context`, product, `order`, properties, window_time AS ts
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, visitor_id ORDER BY `sequence`, event_id) AS place
    FROM TABLE(TUMBLE(TABLE events_valid, DESCRIPTOR(ts), INTERVAL '0.001' SECOND(1, 3)))
)
WHERE place <= 1000000
