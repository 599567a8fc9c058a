"""A real Kafka broker in one process (KRaft: broker and controller together)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from stack.java import java_binary
from stack.ports import LOOPBACK, free_ports
from stack.processes import ManagedProcess

HEAP = "320m"
_FORMAT_WITHIN_S = 60.0
# Always the same: a broker refuses kept data of another cluster.
_CLUSTER_ID = "Zm9vdGZhbGwtZW1iZWRkZQ"

# What a broker on one machine needs, and why it differs from Kafka's own defaults.
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
    # Topics are made by the suite with the partitions it wants; a typing error must not make one.
    "auto.create.topics.enable": "false",
    # There is one broker, so nothing can have more than one replica.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # One consumer per group: waiting for others to join only costs start-up time.
    "group.initial.rebalance.delay.ms": "0",
    # Replayed events carry timestamps of years ago; any retention would delete them at once.
    "log.retention.ms": "-1",
    "log.message.timestamp.type": "CreateTime",
    "log.message.timestamp.before.max.ms": str(2**63 - 1),
    # 1 MiB, the default: an event that is larger is refused at the producer.
    "message.max.bytes": str(1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.threads": "1",
}

# Of the second listener; what it needs of the broker beside keys and users.
_MECHANISM = "SCRAM-SHA-512"
_SECURE = {
    "sasl.enabled.mechanisms": _MECHANISM,
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "ssl.keystore.type": "PEM",
}

_LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = Console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c - %m%n
"""


@dataclass(frozen=True)
class Secured:
    """A second listener, with TLS and SCRAM-SHA-512.

    Attributes:
        keystore: PEM file with the broker's private key (PKCS 8) and its certificate.
        users: their passwords, by name.
    """

    keystore: Path
    users: Mapping[str, str] = field(repr=False)


class KafkaBroker:
    """One Kafka broker on a free loopback port."""

    name = "Kafka"

    def __init__(
        self, jars: list[Path], conf_dir: Path, data_dir: Path, log_dir: Path, secured: Secured | None = None
    ) -> None:
        """Choose the ports and describe the process; nothing runs yet.

        Args:
            jars: class path.
            conf_dir: receives server.properties.
            data_dir: the broker's log segments; kept data are used again.
            log_dir: receives kafka.log.
            secured: a listener with TLS and SASL beside the plain one.
        """
        self._conf, self._data = conf_dir / "kafka", data_dir / "kafka"
        self.port, self._controller_port, self._secured_port = free_ports(3)
        self._secured = secured
        self.log = log_dir / "kafka.log"
        java: list[str | Path] = [
            java_binary(),
            "-XX:+UseSerialGC",
            "-Dlog4j2.configurationFile=" + str(self._conf / "log4j2.properties"),
        ]
        java += ["-cp", os.pathsep.join(str(jar) for jar in jars)]
        properties = self._conf / "server.properties"
        format_arguments = [
            "-Xmx64m",
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
            _CLUSTER_ID,
        ]
        for name, password in (secured.users if secured else {}).items():
            format_arguments += ["--add-scram", f"{_MECHANISM}=[name={name},password={password}]"]
        self._formatter = ManagedProcess(
            "Kafka's storage format",
            [*java, *format_arguments, "-c", properties],
            log_dir / "kafka-format.log",
        )
        command = [*java, f"-Xmx{HEAP}", f"-Xms{HEAP}", "kafka.Kafka", properties]
        self.process = ManagedProcess(self.name, command, self.log)

    @property
    def bootstrap_servers(self) -> str:
        """host:port of the broker."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def secured_servers(self) -> str:
        """host:port of the listener with TLS and SASL, where there is one."""
        return f"{LOOPBACK}:{self._secured_port}"

    @property
    def address(self) -> str:
        """What clients are given."""
        return self.bootstrap_servers

    def start(self) -> None:
        """Format the storage (seconds) and start the broker.

        Raises:
            ComponentFailed: if the format fails or the process cannot be started.
        """
        self._write_config()
        self._formatter.start()
        self._formatter.wait_success(_FORMAT_WITHIN_S)
        self._formatter.stop()
        self.process.start()

    def wait_ready(self, deadline_s: float = 120.0) -> None:
        """Return once the broker answers a metadata request.

        Raises:
            StackError: if it ended or needed more than `deadline_s` seconds.
        """
        self.process.wait_until(self._answers, deadline_s)

    def stop(self) -> None:
        """End the broker. May be called twice, and before `start`."""
        self._formatter.stop(grace_s=0)
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL the broker, as a crash would end it."""
        self.process.kill()
        self.process.wait(30)

    def start_again(self, deadline_s: float = 120.0) -> None:
        """Start a broker on the data and the port of one that was killed, and wait until it answers.

        Raises:
            StackError: if the old one still runs, or the new one is not ready after `deadline_s` seconds.
        """
        self.process = self.process.start_again()
        self.wait_ready(deadline_s)

    def _answers(self) -> bool:
        # Looked at first, because the client would wait for a port that is not open yet.
        with (
            contextlib.suppress(OSError, KafkaError),
            socket.create_connection((LOOPBACK, self.port), 1),
            KafkaAdminClient(bootstrap_servers=self.bootstrap_servers, bootstrap_timeout_ms=5_000) as client,
        ):
            return bool(client.describe_cluster()["brokers"])
        return False

    def _write_config(self) -> None:
        self._conf.mkdir(parents=True, exist_ok=True)
        self._data.mkdir(parents=True, exist_ok=True)
        public, secure = f"PLAINTEXT://{self.bootstrap_servers}", {}
        if self._secured:
            public += f",SASL_SSL://{self.secured_servers}"
            secure = {**_SECURE, "ssl.keystore.location": str(self._secured.keystore)}
        settings = {
            **_SETTINGS,
            **secure,
            "listeners": f"{public},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": public,
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "log.dirs": str(self._data),
        }
        lines = "".join(f"{key}={value}\n" for key, value in settings.items())
        (self._conf / "server.properties").write_text(lines, "utf-8")
        (self._conf / "log4j2.properties").write_text(_LOG4J, "utf-8")
