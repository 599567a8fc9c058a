"""TLS and SASL against a real broker: commands, the collector and a job, each by the file that an operator writes."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import orjson
import pytest
import requests

from connectors.contracts import topics
from connectors.errors import BrokerUnavailable
from connectors.kafka.admin import create_topics
from connectors.kafka.client import administrator
from connectors.kafka.ends import KafkaEnds, read_properties
from connectors.kafka.topic_reader import end_offsets, read_topic
from connectors.kafka.writer import Writer
from stack.embedded import EmbeddedStack
from stack.ports import free_ports
from stack.runs.deploy import Deployment
from tests.cluster.conftest import USERS, Deployer, wait_until
from tests.cluster.test_services import service

_MODULE = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule"
FILE = """\
# As docs/operations/kafka.md has it.
security.protocol=SASL_SSL
flink.sasl.mechanism=SCRAM-SHA-512
flink.sasl.jaas.config={module} required username="footfall" password="${{env:KAFKA_PASSWORD}}";
flink.ssl.truststore.type=PEM
flink.ssl.truststore.location={ca}
python.sasl.mechanism=SCRAM-SHA-512
python.sasl.plain.username=footfall
python.sasl.plain.password=${{env:KAFKA_PASSWORD}}
python.ssl.cafile={ca}
"""
EVENTS = 500
RAW, VALID = topics.EVENTS_RAW.name, topics.EVENTS_VALID.name


@pytest.fixture
def file(tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAFKA_PASSWORD", USERS["footfall"])
    path = tmp_path / "kafka.properties"
    path.write_text(FILE.format(module=_MODULE, ca=certificate), encoding="utf-8")
    return path


@pytest.fixture
def deployment(deploy: Deployer, stack: EmbeddedStack, file: Path) -> Deployment:
    """On the secured listener alone."""
    found = deploy(bounded=True, parallelism=1)
    ends = {"kafka_bootstrap_servers": stack.kafka.secured_servers, "kafka_properties_file": str(file)}
    found.settings = found.settings.replace(**ends)
    found.kafka_properties = properties(stack, file)
    return found


def properties(stack: EmbeddedStack, file: Path) -> dict[str, str]:
    """What commands give to their clients."""
    return KafkaEnds(
        stack.kafka.secured_servers, "test", properties=read_properties(str(file))
    ).client_properties()


def event(number: int) -> bytes:
    named = {
        "schema": "event/1",
        "event_id": f"e-{number}",
        "event_type": "search",
        "visitor_id": f"v-{number % 9}",
    }
    return orjson.dumps({**named, "event_time_ms": 1_700_000_000_000 + number})


def write(deployment: Deployment) -> None:
    with closing(Writer(deployment.kafka_properties)) as writer:
        for number in range(EVENTS):
            writer.write(RAW, event(number), f"v-{number % 9}")
        writer.flush()


def test_python_creates_writes_and_reads_topics(deployment: Deployment) -> None:
    assert create_topics(deployment.kafka_properties) == []
    write(deployment)
    found = sorted(one.value or b"" for one in read_topic(deployment.kafka_properties, RAW))
    assert found == sorted(map(event, range(EVENTS)))
    assert sum(end_offsets(deployment.kafka_properties, RAW).values()) == EVENTS
    with closing(Writer(deployment.kafka_properties, transactional_id="test")) as writer:
        writer.begin()
        writer.write(RAW, event(EVENTS), "v")
        writer.commit()
    assert sum(1 for _ in read_topic(deployment.kafka_properties, RAW)) == EVENTS + 1


def test_a_job_reads_and_writes_through_the_same_file(deployment: Deployment) -> None:
    write(deployment)
    job = deployment.submit("ingest")
    deployment.stack.flink.wait_job(job, {"FINISHED"}, 180)
    valid = {
        orjson.loads(one.value or b"")["event_id"] for one in read_topic(deployment.kafka_properties, VALID)
    }
    assert valid == {f"e-{number}" for number in range(EVENTS)}
    shown = requests.get(f"{deployment.stack.flink.rest_url}/jobs/{job}/config", timeout=10).text
    assert USERS["footfall"] not in shown


def test_the_collector_writes_through_the_same_file(
    deployment: Deployment, file: Path, tmp_path: Path
) -> None:
    servers, (port,) = deployment.settings.kafka_bootstrap_servers, free_ports(1)
    settings = {"kafka_bootstrap_servers": servers, "kafka_properties_file": str(file)}
    log = tmp_path / "collector.log"
    assert "KAFKA_PASSWORD" in os.environ
    with service("services.collect", port, log, **settings) as url:
        wait_until(lambda: _is_ready(url), 60, "the collector is ready")
        sent = {"event_id": "e", "event_type": "search", "event_time_ms": 1_700_000_000_000}
        batch = {"sent_at_ms": 1_700_000_000_000, "anonymous_id": "a", "events": [sent]}
        assert requests.post(f"{url}/c", data=orjson.dumps(batch), timeout=30).status_code == 204
    (message,) = read_topic(deployment.kafka_properties, RAW)
    assert orjson.loads(message.value or b"")["event_id"] == "e"
    assert USERS["footfall"] not in log.read_text("utf-8")


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize(
    ("name", "value"),
    [("sasl.plain.password", "wrong"), ("ssl.cafile", ""), ("security.protocol", "PLAINTEXT")],
)
def test_who_is_refused_hears_why_and_no_password(
    deployment: Deployment, name: str, value: str, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = {**deployment.kafka_properties, name: value}
    if not value:
        del asked[name]  # the system's authorities, which do not know the broker's
    with pytest.raises(BrokerUnavailable) as error, administrator(asked) as admin:
        admin.list_topics()
    told = f"{error.value} {capfd.readouterr()}"
    assert USERS["footfall"] not in told and "wrong" not in told.partition(";")[0].replace(
        "wrong version", ""
    )
