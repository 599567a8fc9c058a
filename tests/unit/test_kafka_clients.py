"""Clients of Kafka without a broker: their settings, what is message when none answers, records that are refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.future import Future

from connectors.errors import BrokerUnavailable, SettingError
from connectors.kafka import writer
from connectors.kafka.client import Producer, settings_for
from connectors.kafka.writer import Writer
from stack.package import ROOT
from stack.ports import LOOPBACK, free_ports

TLS = {
    "bootstrap.servers": "kafka.example:9093",
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.plain.username": "footfall",
    "sasl.plain.password": "5",
    "ssl.cafile": "ca.pem",
    "ssl.check.hostname": "true",
    "request.timeout.ms": "5000",
    "send.buffer.bytes": "1024",
    "compression.type": "none",
    "acks": "all",
    "isolation.level": "read_uncommitted",
}


def test_properties_become_arguments_of_their_kind() -> None:
    found = settings_for(Producer, TLS, {"linger_ms": 5})
    wanted = {
        "bootstrap_servers": "kafka.example:9093",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "footfall",
        "sasl_plain_password": "5",  # a password is text, whatever it looks like
        "ssl_cafile": "ca.pem",
        "ssl_check_hostname": True,
        "request_timeout_ms": 5000,
        "send_buffer_bytes": 1024,
        "compression_type": None,
        "acks": "all",
        "linger_ms": 5,
    }
    assert found == {**found, **wanted} and "isolation_level" not in found


@pytest.mark.parametrize("kind", [Producer, KafkaConsumer, KafkaAdminClient])
def test_a_client_has_every_argument_that_it_is_given(kind: Any) -> None:
    assert set(settings_for(kind, TLS, {})) <= set(kind.DEFAULT_CONFIG)


def test_what_is_fixed_is_not_changed_by_a_property() -> None:
    fixed = {"isolation_level": "read_committed"}
    assert settings_for(KafkaConsumer, TLS, fixed)["isolation_level"] == "read_committed"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "sasl.jaas.config",
            "x",
            "sasl.jaas.config: kafka-python has no such one; .* flink.sasl.jaas.config",
        ),
        ("linger.ms", "soon", "linger.ms: a whole number is required, 'soon' came"),
    ],
)
def test_a_property_that_is_no_good_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        settings_for(Producer, {name: value}, {})


# In a process of its own: the library forgets to close the sockets of a client that could not be opened.
UNANSWERED = """
import sys
import threading
from connectors.errors import BrokerUnavailable
from connectors.kafka import client
from connectors.kafka.admin import create_topics
from connectors.kafka.topic_reader import read_topic
from connectors.kafka.writer import Writer

client._OURS["bootstrap_timeout_ms"] = 300
for call in (Writer, create_topics, lambda properties: next(read_topic(properties, "topic"))):
    try:
        call({"bootstrap.servers": sys.argv[1]})
    except BrokerUnavailable as error:
        print(error)
print(threading.active_count(), "thread")
"""


def test_a_broker_that_does_not_answer_is_named_and_nothing_else_is_printed() -> None:
    nobody = f"{LOOPBACK}:{free_ports(1)[0]}"
    command = [sys.executable, "-c", UNANSWERED, nobody]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    message = done.stdout.splitlines()
    action = "check kafka_bootstrap_servers and the broker's log"
    assert message == [
        *[f"no broker answers at {nobody}: connection refused; {action}"] * 3,
        "1 thread",
    ]


class Silent:
    """A producer whose records go nowhere until somebody says what became of them."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.flushed = self.waited = 0
        self.error: KafkaError | None = None

    def send(self, *record: Any) -> Any:
        self.sent.append((record, Waited(self)))
        return self.sent[-1][1]

    def flush(self, within_s: float) -> None:
        if self.error:
            raise self.error


class Waited(Future):  # type: ignore[misc]  # the library has no types
    """What became of a record; counts how often somebody waited for it."""

    def __init__(self, producer: Silent) -> None:
        super().__init__()
        self._producer = producer

    def get(self, timeout: float) -> None:
        self._producer.waited += 1


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Silent:
    made = Silent()
    monkeypatch.setattr(writer, "producer", lambda *_, **__: made)
    return made


def test_a_refused_record_is_reported_once_at_the_flush(silent: Silent) -> None:
    sink = Writer({"bootstrap.servers": "there:9092"})
    for number in range(3):
        sink.write("topic", b"%d" % number)
    for _, future in silent.sent[1:]:
        future.failure(MessageSizeTooLargeError("too large"))
    with pytest.raises(BrokerUnavailable, match="2 records were not taken at there:9092: .*too large"):
        sink.flush()
    sink.flush()


def test_unacknowledged_records_are_reported(silent: Silent) -> None:
    sink = Writer({"bootstrap.servers": "there:9092"})
    silent.error = KafkaTimeoutError("slow")
    with pytest.raises(BrokerUnavailable, match="not acknowledged within 7 s at there:9092"):
        sink.flush(7)


def test_a_record_is_handed_over_as_it_is(silent: Silent) -> None:
    sink = Writer({"bootstrap.servers": "there:9092"})
    sink.write("topic", b"v", "k\udc80", partition=3, timestamp_ms=5, headers=[("a", b"b")])
    sink.write("topic", None, "k")
    sink.write("topic", None)
    assert [record for record, _ in silent.sent] == [
        ("topic", b"v", b"k?", [("a", b"b")], 3, 5),
        ("topic", None, b"k", [], None, None),
        ("topic", None, b"", [], None, None),
    ]


def test_no_more_is_in_memory_than_the_broker_is_behind(silent: Silent) -> None:
    sink, most = Writer({"bootstrap.servers": "there:9092"}), writer._STEP * writer._STEPS
    for _ in range(most):
        sink.write("topic", b"v")
    assert silent.waited == 0
    for _ in range(3 * writer._STEP):
        sink.write("topic", b"v")
    assert silent.waited == 3


def test_a_call_without_a_deadline_gets_one() -> None:
    with pytest.raises(KafkaError, match="no answer after 0 s"):
        writer._within(0.05, lambda: __import__("threading").Event().wait(2))
    with pytest.raises(ZeroDivisionError):
        writer._within(5, lambda: 1 / 0)
    writer._within(5, lambda: None)
