-- handed_over: what a keyed operator is given; ${inputs} is the view of its inputs
-- grain: as the inputs        key: bucket
-- time: ts, event time
SELECT bucket, slice, ts FROM ${inputs}
