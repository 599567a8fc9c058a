"""What is remembered of a visitor: sessions, features, scores, and what waits to happen."""
