"""Clients of kafka-python from Kafka's properties: producers, consumers, administrators.

A broker that does not answer is named within ten seconds, with what the client saw last; a producer ends
within the time that it is given.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaConfigurationError, KafkaError, KafkaTimeoutError

from connectors.errors import BrokerUnavailable, SettingError
from connectors.wording import plainly

Properties = Mapping[str, str]
CONNECT_S = 10.0
ANSWER_S = 30.0
# A broker that comes back is found within a second; the library doubles its pauses up to half a minute.
_OURS: dict[str, Any] = {"bootstrap_timeout_ms": CONNECT_S * 1000, "reconnect_backoff_max_ms": 1_000}
# Nobody reads the metrics, and a typing error must not make a topic.
_NEITHER: dict[str, Any] = {"metrics_enabled": False, "allow_auto_create_topics": False}
_KNOWN: dict[str, Any] = {
    **KafkaAdminClient.DEFAULT_CONFIG,
    **KafkaConsumer.DEFAULT_CONFIG,
    **KafkaProducer.DEFAULT_CONFIG,
}
# What librdkafka calls them, whose names many files of properties have.
_ALSO = {
    "sasl.mechanisms": "sasl.mechanism",
    "sasl.username": "sasl.plain.username",
    "sasl.password": "sasl.plain.password",
    "ssl.ca.location": "ssl.cafile",
    "ssl.certificate.location": "ssl.certfile",
    "ssl.key.location": "ssl.keyfile",
    "ssl.key.password": "ssl.password",
}
# Numbers for which the library has no default that would say so.
_NUMBERS = {"send_buffer_bytes", "receive_buffer_bytes"}


class Producer(KafkaProducer):  # type: ignore[misc]  # the library has no types
    """A producer that is closed after `close`, also where records could not be sent."""

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
        """Sends what is left; what is unsent after `timeout` seconds fails."""
        try:
            super().close(timeout, null_logger)
        except KafkaError:
            # The library raises and stays open. Its __del__ and its hook at exit would raise again.
            self._sender.force_close()
            self._closed = True


def producer(properties: Properties, **more: Any) -> Producer:
    """A producer whose records are there once acknowledged (acks=all), once each and in order (idempotent).

    Args:
        properties: Kafka's names, `security.protocol`.
        more: of this producer alone, as kafka-python names them.

    Raises:
        BrokerUnavailable: no broker answers.
        SettingError: kafka-python has no such property, or the properties do not go together.
    """
    fixed = {**_NEITHER, "enable_idempotence": True, "max_block_ms": ANSWER_S * 1000, **more}
    made: Producer = _opened(Producer, properties, fixed)
    return made


def consumer(properties: Properties, **more: Any) -> KafkaConsumer:
    """A consumer of committed records that commits nothing by itself; raises as `producer`."""
    fixed = {**_NEITHER, "isolation_level": "read_committed", "enable_auto_commit": False, **more}
    return _opened(KafkaConsumer, properties, fixed)


def administrator(properties: Properties) -> KafkaAdminClient:
    """An administrator; raises as `producer`."""
    return _opened(KafkaAdminClient, properties, {})


def _opened(kind: Any, properties: Properties, fixed: Mapping[str, Any]) -> Any:
    """A client of this kind. One that finds no broker would leave a thread and connections: they end here."""
    made: list[Any] = []

    def remembered(**config: Any) -> Any:
        made.append(kind.DEFAULT_CONFIG["kafka_client"](**config))
        return made[-1]

    arguments = {**settings_for(kind, properties, fixed), "kafka_client": remembered}
    with reported_broker_errors(properties):
        try:
            return kind(**arguments)
        except BaseException:
            for one in made:
                one.close()
            raise


def settings_for(kind: type, properties: Properties, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a client of this kind: ours, over them the properties, over both what is fixed.

    A property of another kind of client (`linger.ms` for a consumer) is left out.

    Raises:
        SettingError: no client of kafka-python has such a property, or it is no number where one is required.

    >>> found = settings_for(KafkaConsumer, {"ssl.check.hostname": "false", "linger.ms": "5"}, {})
    >>> found["ssl_check_hostname"], "linger_ms" in found
    (False, False)
    >>> settings_for(KafkaConsumer, {"sasl.username": "footfall"}, {})["sasl_plain_username"]
    'footfall'
    """
    named = {_ALSO.get(name, name).replace(".", "_"): (name, value) for name, value in properties.items()}
    for argument, (name, _) in named.items():
        if argument not in _KNOWN:
            raise SettingError(
                f"Kafka property {name}: kafka-python has no such one",
                f"correct it, or write flink.{name} if it is for the jobs alone",
            )
    given = {key: _typed(key, name, value, _KNOWN[key]) for key, (name, value) in named.items()}
    own = {key: value for key, value in given.items() if key in kind.DEFAULT_CONFIG}  # type: ignore[attr-defined]
    return {**_OURS, **own, **fixed}


def _typed(key: str, name: str, text: str, default: Any) -> Any:
    """A property's text as the library wants it: what its default is of."""
    if key == "compression_type" and text == "none":
        return None
    if isinstance(default, bool):
        return text.lower() == "true"
    if key not in _NUMBERS and not isinstance(default, int | float):
        return text
    if key == "acks" and text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise SettingError(f"Kafka property {name}: a whole number is required, {text!r} came") from None


@contextmanager
def reported_broker_errors(properties: Properties, what: str = "no broker answers") -> Iterator[None]:
    """Turns the library's errors into BrokerUnavailable, with the address, and what the client logged last.

    The library says why only in its log: `connection refused`, `wrong password`, `certificate expired`.
    """
    log, last = logging.getLogger("kafka"), _LastWord()
    log.addHandler(last)
    try:
        yield
    except KafkaConfigurationError as error:
        raise SettingError(f"Kafka properties do not go together: {plainly(error)}") from error
    except KafkaError as error:
        servers = properties.get("bootstrap.servers", "")
        raise BrokerUnavailable(f"{what} at {servers}: {plainly(last.reason or error)}") from error
    finally:
        log.removeHandler(last)


class _LastWord(logging.Handler):
    """Keeps the reason of the last connection that failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reason: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the error that is told of, if any; that the client gave up after all is no reason."""
        errors = [one for one in record.args or () if isinstance(one, Exception)]
        if errors and not isinstance(errors[0], KafkaTimeoutError):
            self.reason = errors[0]
