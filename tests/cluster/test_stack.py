"""The real stack: each server answers, Flink runs and ends jobs, and nothing is left behind."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from rich.console import Console

from connectors.errors import FlinkRequestFailed
from stack.embedded import EmbeddedStack
from stack.flink import FlinkCluster
from tests.cluster.conftest import SLOTS, processes_of, workers_of

ROOT = Path(__file__).resolve().parents[2]
TOPIC = "test-numbers"
# Quick to fail for good, so that the poison pill's end is seen within the test.
QUICK_TO_FAIL = (
    "-Drestart-strategy.exponential-delay.initial-backoff=100 ms",
    "-Drestart-strategy.exponential-delay.attempts-before-reset-backoff=2",
)
JOB = '''
import sys
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf


@udf(result_type=DataTypes.BIGINT(), func_type="pandas")
def plus_one(numbers):
    if (numbers == POISON).any():
        raise ValueError("poison pill")
    return numbers + 1


POISON = int(sys.argv[2]) if len(sys.argv) > 2 else -1

if __name__ == "__main__":
    env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    env.create_temporary_function("plus_one", plus_one)
    env.execute_sql("""create table numbers (n bigint) with ('connector' = 'datagen',
        'rows-per-second' = '100', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1',
        'fields.n.end' = '50000')""")
    env.execute_sql(f"""create table results (n bigint) with ('connector' = 'kafka',
        'topic' = 'test-numbers', 'properties.bootstrap.servers' = '{sys.argv[1]}', 'format' = 'json')""")
    env.execute_sql("insert into results select plus_one(n) from numbers")
'''


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


@pytest.fixture(scope="module")
def admin(stack: EmbeddedStack) -> Iterator[KafkaAdminClient]:
    with KafkaAdminClient(bootstrap_servers=stack.kafka.bootstrap_servers) as client:
        client.create_topics({TOPIC: {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
        yield client
        client.delete_topics([TOPIC])


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "numbers_job.py").write_text(JOB)
    return tmp_path


@pytest.fixture
def flink(stack: EmbeddedStack) -> Iterator[FlinkCluster]:
    yield stack.flink
    for job, state in stack.flink.jobs().items():
        if state in ("RUNNING", "RESTARTING", "CREATED"):
            stack.flink.cancel(job)


def test_only_loopback_is_listened_on(stack: EmbeddedStack) -> None:
    listening = {
        (connection.laddr.port, connection.laddr.ip)
        for process in psutil.Process().children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    elsewhere = {port for port, ip in listening if ip not in ("127.0.0.1", "::ffff:127.0.0.1", "::1")}
    # Flink's Prometheus reporter cannot be bound to one interface; it only answers reads.
    assert elsewhere <= set(stack.flink.metrics_ports)


def test_kafka_is_set_as_the_contract_wants(stack: EmbeddedStack, admin: KafkaAdminClient) -> None:
    broker = ConfigResource(ConfigResourceType.BROKER, "1")
    found = admin.describe_configs([broker], config_filter="all")
    values = {name: entry["value"] for name, entry in found["broker"]["1"].items()}
    assert values["message.max.bytes"] == str(1024 * 1024)
    assert values["auto.create.topics.enable"] == "false"
    assert values["log.retention.ms"] == "-1"
    assert values["log.message.timestamp.type"] == "CreateTime"
    assert values["group.initial.rebalance.delay.ms"] == "0"


def test_elasticsearch_takes_and_finds_documents(stack: EmbeddedStack) -> None:
    with Elasticsearch(stack.elasticsearch.url) as client:
        [node] = client.nodes.info()["nodes"].values()
        assert node["version"].startswith("8.19")
        client.index(
            index="things", id="a", document={"n": 1}, version=7, version_type="external", refresh=True
        )
        assert client.search(index="things", query={"term": {"n": 1}})["hits"]["total"]["value"] == 1
        client.indices.delete(index="things")


def test_flink_has_its_slots_and_metrics(stack: EmbeddedStack) -> None:
    assert list(stack.flink.taskmanagers().values()) == [SLOTS]
    text = "".join(
        requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        for port in stack.flink.metrics_ports[:2]
    )
    assert "flink_jobmanager_numRunningJobs" in text and "flink_taskmanager_Status_JVM_CPU_Load" in text


def test_a_job_is_kept_by_checkpoints_and_savepoints(
    stack: EmbeddedStack, admin: KafkaAdminClient, flink: FlinkCluster, module: Path
) -> None:
    """What becomes of it when parts are killed is in test_faults.py."""
    job = flink.run("numbers_job", module, [stack.kafka.bootstrap_servers], parallelism=2)
    flink.wait_tasks_running(job, 60)
    assert eventually(lambda: flink.latest_checkpoint(job))
    settings = requests.get(f"{flink.rest_url}/jobs/{job}/checkpoints/config", timeout=10).json()
    assert settings["tolerable_failed_checkpoints"] == 3 and settings["timeout"] == 300_000
    assert settings["externalization"] == {"enabled": True, "delete_on_cancellation": False}
    assert "HashMap" in settings["state_backend"]
    assert Path(flink.savepoint(job, stop=False).removeprefix("file:")).is_dir()
    flink.cancel(job)
    assert flink.job_state(job) == "CANCELED"


def test_workers_end_with_their_job(
    stack: EmbeddedStack, admin: KafkaAdminClient, flink: FlinkCluster, module: Path
) -> None:
    assert workers_of(stack.workdir) == []
    job = flink.run("numbers_job", module, [stack.kafka.bootstrap_servers], parallelism=2)
    assert eventually(lambda: len(workers_of(stack.workdir)) == 2)
    flink.cancel(job)
    assert eventually(lambda: not workers_of(stack.workdir), 10)


def test_a_poison_pill_ends_the_job_as_failed(
    stack: EmbeddedStack, admin: KafkaAdminClient, flink: FlinkCluster, module: Path
) -> None:
    job = flink.run("numbers_job", module, [stack.kafka.bootstrap_servers, "5"], flags=QUICK_TO_FAIL)
    assert flink.wait_job(job, {"FAILED"}, 120) == "FAILED"
    assert "poison pill" in flink.exceptions(job)[0]


def test_a_submission_that_fails_says_why(flink: FlinkCluster, tmp_path: Path) -> None:
    with pytest.raises(FlinkRequestFailed, match="No module named nothing_here"):
        flink.run("nothing_here", tmp_path)


@pytest.mark.parametrize(
    ("number", "after_s"), [(signal.SIGINT, 4.0), (signal.SIGKILL, 4.0), (signal.SIGTERM, 0.7)]
)
def test_interrupted_start_up_leaves_nothing(tmp_path: Path, number: signal.Signals, after_s: float) -> None:
    program = "import sys; from pathlib import Path; from stack.embedded import EmbeddedStack\n"
    program += "with EmbeddedStack(Path(sys.argv[1])): pass"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as starter:
        time.sleep(after_s)
        starter.send_signal(number)
        _, words = starter.communicate(timeout=20)
    assert starter.returncode != 0
    assert number != signal.SIGINT or "KeyboardInterrupt" in words
    assert eventually(lambda: not processes_of(tmp_path), 5), processes_of(tmp_path)


def test_kept_data_are_there_again(tmp_path: Path) -> None:
    console, parts = Console(file=io.StringIO()), ("kafka", "elasticsearch")
    with EmbeddedStack(tmp_path, parts=parts, console=console) as first:
        with KafkaAdminClient(bootstrap_servers=first.kafka.bootstrap_servers) as admin:
            admin.create_topics([TOPIC], wait_for_metadata=True)
        requests.put(f"{first.elasticsearch.url}/things/_doc/a", json={"n": 1}, timeout=10).raise_for_status()
    with EmbeddedStack(tmp_path, parts=parts, console=console, keep_data=True) as second:
        with KafkaAdminClient(bootstrap_servers=second.kafka.bootstrap_servers) as admin:
            assert TOPIC in admin.list_topics()
        document = requests.get(f"{second.elasticsearch.url}/things/_doc/a", timeout=10).json()
        assert document["_source"] == {"n": 1}
