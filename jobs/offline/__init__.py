"""What runs without Flink, over the lake, topics and files."""
