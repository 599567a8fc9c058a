-- events_consented: each event with the last word on consent that its visitor gave on any device
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: of known users only: the rows that wait for the watermark; one last word per user, for visitor_memory after
--        the last event. Who is not known is a device and nothing else: these rows pass by.
SELECT *, device_consent AS consent
FROM events_stitched
WHERE canonical_id = device_id AND user_id IS NULL
UNION ALL
SELECT
    *,
    MAX(device_consent) OVER (
        PARTITION BY canonical_id ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS consent
FROM events_stitched
WHERE canonical_id <> device_id OR user_id IS NOT NULL
