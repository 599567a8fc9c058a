-- session_events: every valid event with the session it belongs to and its place in it
-- grain: one row per event, in the order of event time        key: visitor_id, session_id, event_no
-- time: ts, event time
-- state: a few numbers per visitor and the visitor's last event, for dedup_ttl_ms after the visitor's last event;
--        nothing per session. An event waits here until the watermark passes it.
-- previous_event_at_ms: the visitor's event before this one, in whatever session; NULL for the first
-- session_started_at_ms: the session's first event; of a session cut for its number of events, that of its part 0
-- session_part: 0, but in a session of more than session_max_events events 1, 2 … for what is over
-- session_ends_by_ms: at this time the session is closed even if no gap comes
-- event_no: 1, 2, 3 … in the session; a later part begins above 1 when the part before it was cut inside a millisecond
-- Which session, and everything but event_no, follows from the set of a visitor's events whatever their order of
-- arrival. Events of one millisecond are numbered as they came: OVER can order by the time attribute only. Hence ROWS
-- and not RANGE frames (RANGE gives all of a millisecond the same numbers), and hence the cut by number asks
-- how many events came before this millisecond: all of a millisecond stays together.
-- LAST_VALUE passes over NULLs: it is the value at the newest row where something began.
SELECT
    visitor_id, event_id, event_type, event_time_ms, `sequence`, anonymous_id, user_id,
    `context`, product, `order`, properties, ts,
    previous_event_at_ms,
    session_started_at_ms,
    session_part,
    session_ends_by_ms,
    visitor_event_no - events_before - session_part * ${session_max_events} AS event_no,
    SUBSTRING(SHA256(
        visitor_id || U&'\000A' || CAST(session_started_at_ms AS STRING)
            || CASE WHEN session_part = 0 THEN '' ELSE U&'\000A' || CAST(session_part AS STRING) END), 1, 32) AS session_id
FROM (
    SELECT
        *,
        (millisecond_before - events_before) / ${session_max_events} AS session_part,
        unbroken_since_ms + ((event_time_ms - unbroken_since_ms) / ${session_max_ms} + 1) * ${session_max_ms} AS session_ends_by_ms
    FROM (
        SELECT
            *,
            LAST_VALUE(CASE WHEN begins THEN event_time_ms END) OVER so_far AS session_started_at_ms,
            LAST_VALUE(CASE WHEN begins THEN visitor_event_no - 1 END) OVER so_far AS events_before,
            LAST_VALUE(CASE WHEN begins OR previous_event_at_ms < event_time_ms THEN visitor_event_no - 1 END) OVER so_far AS millisecond_before
        FROM (
            SELECT
                *,
                after_gap OR (event_time_ms - unbroken_since_ms) / ${session_max_ms}
                    > (previous_event_at_ms - unbroken_since_ms) / ${session_max_ms} AS begins
            FROM (
                SELECT
                    *,
                    COUNT(*) OVER so_far AS visitor_event_no,
                    LAST_VALUE(CASE WHEN after_gap THEN event_time_ms END) OVER so_far AS unbroken_since_ms
                FROM (
                    SELECT
                        *,
                        previous_event_at_ms IS NULL OR event_time_ms - previous_event_at_ms > ${session_gap_ms} AS after_gap
                    FROM (
                        SELECT
                            visitor_id, event_id, event_type, event_time_ms, `sequence`, anonymous_id, user_id,
                            `context`, product, `order`, properties, ts,
                            CASE WHEN COUNT(*) OVER pair = 2 THEN MIN(event_time_ms) OVER pair END AS previous_event_at_ms
                        FROM events_valid
                        WINDOW pair AS (PARTITION BY visitor_id ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
                    )
                )
                WINDOW so_far AS (PARTITION BY visitor_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            )
        )
        WINDOW so_far AS (PARTITION BY visitor_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
)
