"""What is wrong with a running installation: facts of Flink, Kafka and Elasticsearch, judged by harm."""
