"""The ends and their contracts: events, topics, indices, Kafka, Elasticsearch."""
