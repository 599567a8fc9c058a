-- events_judged: each event with the reason for which it is held back, or NULL
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: none of its own
-- A word on consent passes, whatever it says and whoever says it, but for the order to erase, which is nobody's doing.
SELECT
    *,
    CASE
        WHEN event_type = 'consent' AND COALESCE(SUBSTRING(consent_word, 20), '') <> 'erased' THEN CAST(NULL AS STRING)
        WHEN SUBSTRING(consent, 20) <> 'granted' OR (consent IS NULL AND ${consent_required} = 1) THEN 'no_consent'
        WHEN event_time_ms >= last_throttle_ms AND event_time_ms < last_throttle_ms + ${bot_quarantine_ms}
        THEN 'bot_quarantined'
    END AS withheld_for
FROM events_consented
