-- feature_documents: the features as documents, for the topic
-- grain: as features        key: event_id
-- time: ts, event time
-- state: none
-- place orders a visitor's documents as text: 13 digits of time, 12 of the visitor's event number.
-- carts, checkouts, purchases: so many events of the kind in the session so far; SCORING asks for them.
-- Each expression stands once: the planner writes it out wherever its name is used, and it is worked out again there.
SELECT
    visitor_id, session_id, event_no, event_type, event_time_ms, ts, carts, checkouts, purchases,
    LPAD(CAST(event_time_ms AS STRING), 13, '0') || LPAD(CAST(visitor_event_no AS STRING), 12, '0') AS place,
    TRIM(TRAILING '}' FROM JSON_OBJECT(
        'schema' VALUE 'features/1',
        'visitor_id' VALUE visitor_id,
        'session_id' VALUE session_id,
        'event_id' VALUE event_id,
        'event_no' VALUE event_no,
        'event_type' VALUE event_type,
        'event_time_ms' VALUE event_time_ms,
        'first_seen_ms' VALUE visitor_seen_since_ms,
        'device' VALUE device,
        'country' VALUE country,
        'channel' VALUE channel,
        'entry_page' VALUE entry_page,
        'page' VALUE page,
        'last_types' VALUE last_types
        ABSENT ON NULL))
        || ',"definitions":1,"values":' || REPLACE(CAST(`values` AS STRING), 'NULL', 'null') || '}' AS document
FROM features
