"""The Elasticsearch end: its indices, and writing them."""
