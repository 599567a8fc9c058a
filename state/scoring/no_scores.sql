-- no_scores: what stands for the documents of SCORING where no model scores: nothing
-- grain: no row        key: none
-- time: none
-- state: none
SELECT *
FROM (VALUES (CAST('' AS STRING), CAST('' AS STRING), CAST('' AS STRING), CAST(0 AS BIGINT), CAST('' AS STRING)))
    AS nothing(signal_id, score_id, visitor_id, version, document)
WHERE FALSE
