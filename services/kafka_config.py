"""Kafka client properties, as the jobs' file has them, in the names of the services' client."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from connectors.errors import SettingError
from connectors.kafka.ends import meant_for, read_properties

_CONNECT_S = 2.0
# Names of librdkafka, which the file gives after `python.`, and what this client calls them.
_NAMES = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
    "client.id": "client_id",
}


def client_config(servers: str, properties_file: str = "") -> dict[str, Any]:
    """What the client takes: servers, and the properties of the file that are meant for Python.

    >>> client_config("a:9092, b:9092")
    {'bootstrap_servers': ['a:9092', 'b:9092']}

    Raises:
        SettingError: the file cannot be read, or a property has no counterpart here.
    """
    listed = [one.strip() for one in servers.split(",") if one.strip()]
    return {"bootstrap_servers": listed, **_named(meant_for("python", read_properties(properties_file)))}


def is_reachable(servers: list[str]) -> bool:
    """Whether any of the servers, host:port, takes a connection.

    Asked before a client is made: one that cannot connect then leaves its threads and sockets behind.
    """
    return any(map(_answers, servers))


def _answers(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except (OSError, ValueError):
        return False
    return True


def _named(properties: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(properties) - set(_NAMES))
    if unknown:
        raise SettingError(
            f"kafka_properties_file: the services know {', '.join(_NAMES)}; got {unknown[0]}",
            "give it as flink.NAME if it is for the jobs alone",
        )
    return {_NAMES[name]: value for name, value in properties.items()}
