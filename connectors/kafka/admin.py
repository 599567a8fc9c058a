"""Creates the topics that the jobs write to. Idempotent."""

from __future__ import annotations

import time

from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from connectors.contracts.topics import TOPICS
from connectors.errors import BrokerUnavailable
from connectors.kafka.client import ANSWER_S, Properties, administrator, reported_broker_errors

_ANSWER_MS = int(ANSWER_S * 1000)


def create_topics(properties: Properties, replication: int = 1, *, keep_all: bool = False) -> list[str]:
    """Creates every topic of the table that is missing; returns the names of the new ones.

    Args:
        properties: of a Kafka client.
        replication: replicas of each partition.
        keep_all: no retention, for replays whose records carry the times of the past.

    Raises:
        BrokerUnavailable: the broker does not answer or refuses.
    """
    kept = {"retention.ms": "-1"} if keep_all else {}
    wanted = {
        row.name: {
            "num_partitions": row.partitions,
            "replication_factor": replication,
            "configs": {**row.config(), **kept},
        }
        for row in TOPICS
    }
    with administrator(properties) as admin, reported_broker_errors(properties, "topics cannot be created"):
        answer = admin.create_topics(wanted, timeout_ms=_ANSWER_MS, raise_errors=False)
        made = [row["name"] for row in answer["topics"] if _is_created(row)]
        admin.wait_for_topics(made, timeout_ms=_ANSWER_MS)
    return made


def _is_created(row: dict[str, object]) -> bool:
    """Whether the topic is new.

    Raises:
        KafkaError: it is neither new nor there.
    """
    error = for_code(row["error_code"])
    if error is TopicAlreadyExistsError:
        return False
    if row["error_code"]:
        raise KafkaError(f"topic {row['name']}: {error.__name__} {row.get('error_message') or ''}".rstrip())
    return True


def drop_topics(properties: Properties) -> None:
    """Deletes Footfall's topics with all they hold; for tests and throw-away stacks only.

    Raises:
        BrokerUnavailable: the topics are still there after half a minute.
    """
    with administrator(properties) as admin, reported_broker_errors(properties, "topics cannot be deleted"):
        names = {row.name for row in TOPICS} & set(admin.list_topics())
        if names:
            admin.delete_topics(sorted(names), timeout_ms=_ANSWER_MS)
        deadline = time.monotonic() + ANSWER_S
        while names & set(admin.list_topics()):
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"topics {sorted(names)} are still there", "check the broker's log")
            time.sleep(0.1)
