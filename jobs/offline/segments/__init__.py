"""SEGMENTS: clusters of visitors, found in a history and judged, as a version of a model."""
