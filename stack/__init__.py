"""The embedded stack: real Kafka, Elasticsearch and Flink as child processes, without root or containers."""
