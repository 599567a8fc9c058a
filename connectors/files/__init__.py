"""Files of messages: JSON lines, CSV, plain or packed."""
