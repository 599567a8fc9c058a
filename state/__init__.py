"""What Flink remembers: one SQL view a file, and what reads them."""
