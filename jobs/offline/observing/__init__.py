"""What Flink does not know of itself, as metrics: lag, event time, dead letters, the index, a canary."""
