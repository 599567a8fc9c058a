"""What Footfall asks of its client of Kafka, against a real broker: order, transactions, times, faults."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from connectors.contracts import topics
from connectors.errors import BrokerUnavailable
from connectors.kafka.admin import create_topics, drop_topics
from connectors.kafka.client import administrator
from connectors.kafka.topic_reader import Message, end_offsets, read_topic
from connectors.kafka.writer import Writer
from stack.embedded import EmbeddedStack
from stack.package import ROOT

PARTITIONS = 3
_NAMES = (f"topic-{number}" for number in count())
Properties = dict[str, str]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    with EmbeddedStack(tmp_path_factory.mktemp("kafka"), parts=("kafka",)) as stack:
        yield stack


@pytest.fixture
def properties(broker: EmbeddedStack) -> Properties:
    return {"bootstrap.servers": broker.kafka.bootstrap_servers}


@pytest.fixture
def topic(properties: Properties) -> str:
    """A new topic."""
    name = next(_NAMES)
    with administrator(properties) as admin:
        shape = {"num_partitions": PARTITIONS, "replication_factor": 1}
        admin.create_topics({name: shape}, wait_for_metadata=True)
    return name


def write(properties: Properties, topic: str, first: int, last: int, **more: object) -> None:
    with closing(Writer(properties, **more)) as writer:
        for number in range(first, last):
            partition = number % PARTITIONS
            writer.write(
                topic, b"%d" % number, f"k{number}", partition=partition, timestamp_ms=1_000 + number
            )
        writer.flush()


def numbers(messages: Iterator[Message]) -> list[int]:
    return sorted(int(one.value) for one in messages)


def test_records_keep_their_order_their_keys_and_their_times(properties: Properties, topic: str) -> None:
    write(properties, topic, 0, 30_000, linger_ms=5)
    found = list(read_topic(properties, topic))
    for partition in range(PARTITIONS):
        mine = [one for one in found if one.partition == partition]
        assert [int(one.value) for one in mine] == list(range(partition, 30_000, PARTITIONS))
        assert [one.offset for one in mine] == list(range(10_000))
        assert all(one.key == b"k" + one.value and one.timestamp == 1_000 + int(one.value) for one in mine)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_read(properties: Properties, topic: str, compression: str) -> None:
    # Larger than a mebibyte when unpacked: zstd of Java's clients does not say how large.
    with closing(
        Writer(properties, compression_type=compression, linger_ms=100, batch_size=1 << 20)
    ) as writer:
        for number in range(100):
            writer.write(topic, b"%d " % number + b"x" * 50_000, partition=0)
        writer.flush()
    assert [int(one.value.split()[0]) for one in read_topic(properties, topic)] == list(range(100))


def test_reading_goes_on_at_kept_places(properties: Properties, topic: str) -> None:
    offsets: dict[int, int] = {}
    write(properties, topic, 0, 9)
    assert numbers(read_topic(properties, topic, offsets=offsets)) == list(range(9))
    assert offsets == dict.fromkeys(range(PARTITIONS), 3)
    write(properties, topic, 9, 11)
    assert numbers(read_topic(properties, topic, offsets=offsets)) == [9, 10]
    offsets[0] = 1_000  # of a topic that was made anew
    assert numbers(read_topic(properties, topic, offsets=offsets)) == [0, 3, 6, 9]


def test_reading_begins_at_a_time(properties: Properties, topic: str) -> None:
    write(properties, topic, 0, 9)
    assert numbers(read_topic(properties, topic, since_ms=1_005)) == [5, 6, 7, 8]
    assert numbers(read_topic(properties, topic, since_ms=1_009)) == []


def test_one_key_is_read_from_its_partition(properties: Properties, topic: str) -> None:
    with closing(Writer(properties)) as writer:
        for number in range(50):
            writer.write(topic, b"%d" % number, f"visitor {number}")
        writer.flush()
    found = list(read_topic(properties, topic, key="visitor 7"))
    assert b"7" in {one.value for one in found} and len({one.partition for one in found}) == 1


def test_only_what_is_committed_is_read(properties: Properties, topic: str) -> None:
    with closing(Writer(properties, "two")) as writer:
        writer.begin()
        writer.write(topic, b"1", partition=0)
        writer.flush()
        assert numbers(read_topic(properties, topic)) == []
        writer.commit()
        writer.begin()
        writer.write(topic, b"2", partition=0)
        writer.flush()
    # Closed without a commit, it was aborted: nobody waits for it. The last offsets are no records but marks.
    write(properties, topic, 3, 4)
    assert numbers(read_topic(properties, topic)) == [1, 3]
    assert end_offsets(properties, topic) == {0: 5, 1: 0, 2: 0}


def test_a_second_writer_fences_the_first(properties: Properties, topic: str) -> None:
    with closing(Writer(properties, "same")) as first:
        first.begin()
        first.write(topic, b"1", partition=0)
        first.flush()
        with closing(Writer(properties, "same")) as second:
            second.begin()
            second.write(topic, b"2", partition=0)
            second.commit()
        with pytest.raises(BrokerUnavailable):
            first.write(topic, b"3", partition=0)
            first.commit()
    assert numbers(read_topic(properties, topic)) == [2]


def test_a_record_that_the_broker_refuses_is_reported(properties: Properties, topic: str) -> None:
    with administrator(properties) as admin:
        small = {"max.message.bytes": "1000"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, small)])
    with closing(Writer(properties)) as writer:
        writer.write(topic, b"1", partition=0)
        writer.write(topic, b"x" * 5_000, partition=1)
        with pytest.raises(BrokerUnavailable, match="1 records were not taken"):
            writer.flush()
    assert numbers(read_topic(properties, topic)) == [1]


def test_a_missing_topic_is_reported_and_not_created(properties: Properties) -> None:
    assert list(read_topic(properties, "absent")) == []
    with (
        closing(Writer(properties, max_block_ms=1_000)) as writer,
        pytest.raises(BrokerUnavailable, match="absent cannot be written"),
    ):
        writer.write("absent", b"1")
    with administrator(properties) as admin:
        assert "absent" not in admin.list_topics()


def test_topics_are_made_once_as_the_table_says_and_dropped(properties: Properties) -> None:
    assert set(create_topics(properties)) == {row.name for row in topics.TOPICS}
    assert create_topics(properties) == []
    row = topics.TRIGGERS
    with administrator(properties) as admin:
        config = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, row.name)])
        [described] = admin.describe_topics([row.name])
    told = {name: entry["value"] for name, entry in config["topic"][row.name].items()}
    assert {name: told.get(name) for name in row.config()} == row.config()
    assert len(described["partitions"]) == row.partitions
    drop_topics(properties)
    with administrator(properties) as admin:
        assert not {one.name for one in topics.TOPICS} & set(admin.list_topics())


# Written to a broker that has gone: told within the deadline, and nothing else is printed, also at the end.
FORSAKEN = """
import sys
from connectors.errors import BrokerUnavailable
from connectors.kafka.writer import Writer

writer = Writer({"bootstrap.servers": sys.argv[1]})
writer.write(sys.argv[2], b"1", partition=0)
writer.flush()
print("written", flush=True)
input()
writer.write(sys.argv[2], b"2", partition=0)
try:
    writer.flush(1.0)
except BrokerUnavailable as error:
    print(error, flush=True)
"""


def test_a_lost_broker_is_reported_in_time_and_work_goes_on_when_it_is_back(
    broker: EmbeddedStack, properties: Properties, topic: str
) -> None:
    command = [sys.executable, "-c", FORSAKEN, properties["bootstrap.servers"], topic]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process,
        closing(Writer(properties)) as writer,
    ):
        assert process.stdout and process.stdout.readline() == "written\n"
        broker.kafka.kill()
        began = time.monotonic()
        told, errors = process.communicate("\n", timeout=30)
        assert "not acknowledged within 1 s" in told and errors == ""
        assert time.monotonic() - began < 10
        writer_began = time.monotonic()
        broker.kafka.start_again()
        writer.write(topic, b"3", partition=0)
        writer.flush(60)
        assert time.monotonic() - writer_began < 60
    assert numbers(read_topic(properties, topic)) == [1, 3]
