"""Tables of related items out of the lake, and what they are worth. docs/recommendations.md."""
