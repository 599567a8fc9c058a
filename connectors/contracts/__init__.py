"""What comes in and what goes out: events, signals, topics, a model's manifest; the schemas beside them."""
