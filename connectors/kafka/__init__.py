"""The Kafka end: how clients reach it, its topics made, and read back."""
