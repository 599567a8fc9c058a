"""How Kafka is reached: servers, group, and the client properties of each side."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import SettingError
from connectors.wording import plainly

_VARIABLE = re.compile(r"\$\{env:(\w+)\}")


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
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a password

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

    In a value `${env:NAME}` is the variable of the environment: a password need not be in the file. No
    message shows a value.

    Raises:
        SettingError: the file cannot be read, a line has no `=`, or a variable is not set.
    """
    if not path:
        return {}
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"kafka_properties_file {path} cannot be read: {plainly(error)}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        key, equals, value = line.partition("=")
        if line and not line.startswith("#"):
            if not equals:
                raise SettingError(f"kafka_properties_file {path}:{number}: key=value is required")
            found[key.strip()] = _filled(value.strip(), f"{path}:{number}")
    return found


def _filled(value: str, where: str) -> str:
    """The value with the variables that it names."""

    def of_environment(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SettingError(
                f"kafka_properties_file {where}: environment variable {match[1]} is required, it is not set",
                "set it, or correct its name",
            )
        return os.environ[match[1]]

    return _VARIABLE.sub(of_environment, value)
