"""How Kafka is reached: servers, group, and the client properties of each side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import SettingError
from connectors.wording import plainly


@dataclass(frozen=True)
class KafkaEnds:
    """How the jobs reach Kafka.

    Attributes:
        bootstrap_servers: host:port, comma separated.
        group_id: consumer group; offsets are committed there for monitoring, Flink's state is what counts.
        start_from: earliest or latest, for a job without state.
        bounded: stop at the offsets found when the job starts.
        properties: further Kafka client properties (TLS, SASL).
    """

    bootstrap_servers: str
    group_id: str
    start_from: str = "earliest"
    bounded: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)

    def client_properties(self) -> dict[str, str]:
        """Properties of a plain Kafka client."""
        return {"bootstrap.servers": self.bootstrap_servers, **meant_for("python", self.properties)}


def meant_for(side: str, properties: Mapping[str, str]) -> dict[str, str]:
    """The properties of one side: those without a prefix, and those with its own.

    Flink's client and Python's (kafka-python) name some things differently, above all in TLS and SASL.

    Args:
        side: `flink` or `python`.
        properties: as the file has them.

    >>> ours = {"security.protocol": "SSL", "flink.ssl.key.password": "x", "python.ssl.cafile": "ca.pem"}
    >>> meant_for("python", ours)
    {'security.protocol': 'SSL', 'ssl.cafile': 'ca.pem'}
    """
    own, other = f"{side}.", {"flink": "python.", "python": "flink."}[side]
    return {name.removeprefix(own): value for name, value in properties.items() if not name.startswith(other)}


def read_properties(path: str) -> dict[str, str]:
    """Kafka client properties from a file, `key=value` a line, `#` starts a comment; no path gives none.

    Raises:
        SettingError: the file cannot be read or a line has no `=`.
    """
    if not path:
        return {}
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise SettingError(f"kafka_properties_file {path} cannot be read: {plainly(error)}") from error
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    broken = [key for key, equals, _ in pairs if not equals]
    if broken:
        raise SettingError(f"kafka_properties_file {path}: every line needs key=value; got {broken[0]!r}")
    return {key.strip(): value.strip() for key, _, value in pairs}
