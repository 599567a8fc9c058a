"""Kafka client properties, as the jobs' file has them, in the names of the services' client."""

from __future__ import annotations

import socket
from typing import Any

from kafka import KafkaAdminClient

from connectors.kafka.client import settings_for
from connectors.kafka.ends import meant_for, read_properties

_CONNECT_S = 2.0
# What every client has; the rest of a client's arguments is the services' own.
_CONNECTION = ("security_", "sasl_", "ssl_", "client_")


def client_config(servers: str, properties_file: str = "") -> dict[str, Any]:
    """What the client takes: servers, and the properties of the file that are meant for Python.

    >>> client_config("a:9092, b:9092")
    {'bootstrap_servers': ['a:9092', 'b:9092']}

    Raises:
        SettingError: the file cannot be read, or kafka-python has no such property.
    """
    listed = [one.strip() for one in servers.split(",") if one.strip()]
    known = settings_for(KafkaAdminClient, meant_for("python", read_properties(properties_file)), {})
    connection = {name: value for name, value in known.items() if name.startswith(_CONNECTION)}
    return {"bootstrap_servers": listed, **connection}


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
