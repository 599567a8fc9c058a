"""What is remembered of a device: its ids, who uses it, what it says of consent, how much it sends."""
