"""The kinds of rules at work: each one a small object that remembers nothing of its own (one file a kind)."""
