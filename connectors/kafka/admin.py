"""Creates the topics that the jobs write to. Idempotent."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.contracts.topics import TOPICS
from connectors.errors import BrokerUnavailable
from connectors.wording import plainly

_WAIT_S = 30.0
# One error at the end, not a line per failed attempt to connect.
_QUIET = {"log_level": 2, "reconnect.backoff.ms": 500}


def create_topics(
    properties: Mapping[str, str], replication: int = 1, *, keep_all: bool = False
) -> list[str]:
    """Creates every topic of the table that is missing; returns the names of the new ones.

    Args:
        properties: of a Kafka client.
        replication: replicas of each partition.
        keep_all: no retention, for replays whose records carry the times of the past.

    Raises:
        BrokerUnavailable: the broker does not answer or refuses.
    """
    kept = {"retention.ms": "-1"} if keep_all else {}
    new = [
        NewTopic(
            row.name,
            num_partitions=row.partitions,
            replication_factor=replication,
            config={**row.config(), **kept},
        )
        for row in TOPICS
    ]
    admin = AdminClient({**_QUIET, **properties})  # held until the answers are in: they end with it
    futures = admin.create_topics(new, operation_timeout=_WAIT_S)
    return [name for name, future in futures.items() if _is_created(name, future)]


def _is_created(name: str, future: object) -> bool:
    try:
        future.result(_WAIT_S)  # type: ignore[attr-defined]
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise BrokerUnavailable(
            f"topic {name} cannot be created: {plainly(error)}", "check kafka_bootstrap_servers"
        ) from error
    except TimeoutError as error:
        raise BrokerUnavailable(
            f"topic {name} cannot be created: no broker answered", "check kafka_bootstrap_servers"
        ) from error
    return True


def drop_topics(properties: Mapping[str, str]) -> None:
    """Deletes Footfall's topics with all they hold; for tests and throw-away stacks only.

    Raises:
        BrokerUnavailable: the topics are still there after half a minute.
    """
    admin = AdminClient(dict(properties))
    names = {row.name for row in TOPICS} & set(admin.list_topics(timeout=_WAIT_S).topics)
    for future in admin.delete_topics(sorted(names), operation_timeout=_WAIT_S).values() if names else ():
        future.result(_WAIT_S)
    deadline = time.monotonic() + _WAIT_S
    while names & set(admin.list_topics(timeout=_WAIT_S).topics):
        if time.monotonic() > deadline:
            raise BrokerUnavailable(f"topics {sorted(names)} are still there", "check the broker's log")
        time.sleep(0.1)
