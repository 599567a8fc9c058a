"""What stands beside Flink when Flink does not index: a process that reads the topics and writes the index.

`python -m tests.bench.indexer BROKERS ELASTICSEARCH` reads until it is told to end (SIGTERM). It commits its
offsets after each batch, as a real one would have to.
"""

from __future__ import annotations

import sys

import orjson
from confluent_kafka import Consumer, Message

from connectors import indices, topics
from connectors.elasticsearch import BulkWriter, ElasticsearchEnds, Write

_BATCH, _WAIT_S, _RETRY_MS = 5_000, 0.2, 60_000
_INDEX_OF = {topics.SESSIONS.name: indices.SESSIONS, topics.SIGNALS.name: indices.SIGNALS}


def main(brokers: str, elasticsearch: str) -> None:
    """Reads and writes for ever."""
    writer = BulkWriter(ElasticsearchEnds(elasticsearch).client(), _RETRY_MS)
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "bench-indexer",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(list(_INDEX_OF))
    while True:
        messages = [each for each in consumer.consume(_BATCH, _WAIT_S) if not each.error()]
        if messages:
            outcome = writer.write([_write(each) for each in messages])
            assert not outcome.failures, outcome.failures
            consumer.commit(asynchronous=False)


def _write(message: Message) -> Write:
    index, text = _INDEX_OF[message.topic()], message.value().decode()
    document = orjson.loads(text)
    return Write(index.alias, document[index.id_field], document["version"], text)


if __name__ == "__main__":
    main(*sys.argv[1:])
