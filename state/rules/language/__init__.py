"""What a rule may say: YAML, checked hard; and what its words are over an event."""
