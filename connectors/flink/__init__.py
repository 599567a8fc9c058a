"""A Flink cluster as others ask it: over its REST interface."""
