"""The services: the collector takes events from pages, the API answers what to show. No Flink in here."""

VERSION = "0.2.0"
