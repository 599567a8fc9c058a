"""Segments: which one a visitor is in, by what is remembered of the visitor and by time."""
