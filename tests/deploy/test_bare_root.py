"""On demand, as root: the images' install scripts in a bare Debian, and the suite in application mode there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
import pytest
import requests
from ruamel.yaml import YAML

from connectors.contracts import topics
from connectors.flink.rest import FlinkRest
from connectors.kafka.topic_reader import end_offsets
from connectors.kafka.writer import Writer
from stack import flink_config
from stack.embedded import EmbeddedStack
from stack.package import ROOT
from stack.ports import LOOPBACK, free_ports
from stack.processes import ManagedProcess
from tests.deploy.bare_root import BareRoot
from tools import manifests

CHECKPOINTS = PurePosixPath("/tmp", "checkpoints")  # in the root
VARIABLE = "FOOTFALL_BARE_ROOT"
FOLDER = os.environ.get(VARIABLE)
pytestmark = pytest.mark.skipif(
    not FOLDER, reason=f"on demand: {VARIABLE} names a folder for the roots (2 GB each)"
)
# Where the operator or Kubernetes would be.
NOT_HERE = (
    "high-availability.",
    "kubernetes.",
    "job.autoscaler.",
    "execution.checkpointing.dir",
    "execution.checkpointing.savepoint-dir",
)


@pytest.fixture(params=["suite", "services"], scope="module")
def root(request: pytest.FixtureRequest) -> BareRoot:
    return made(request.param)


def made(image: str) -> BareRoot:
    assert os.geteuid() == 0 and shutil.which("debootstrap"), "root and debootstrap are required"
    found = BareRoot(image, Path(str(FOLDER)) / image)
    found.make()
    return found


def inside(root: BareRoot, *words: str) -> str:
    done = subprocess.run(root.command(words, {}, {}), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_package_manager_is_left(root: BareRoot) -> None:
    programs = ("apt", "apt-get", "dpkg", "dpkg-deb", "pip", "pip3", "easy_install")
    folders = [folder for folder in root.folder.rglob("*bin") if folder.is_dir()]
    assert len(folders) > 2
    assert [folder / name for folder in folders for name in programs if (folder / name).exists()] == []
    script = "import importlib.util as u; print([n for n in ('pip', 'ensurepip') if u.find_spec(n)])"
    assert {inside(root, python, "-c", script).strip() for python in ("python", "/usr/bin/python3")} == {"[]"}


def test_packages_are_the_pinned_ones(root: BareRoot) -> None:
    file = "requirements.txt" if root.image == "suite" else "services/requirements.txt"
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / file).read_text(), re.MULTILINE))
    wanted = {plain(name): version for name, version in pins.items()}
    script = (
        "from importlib.metadata import distributions as d; [print(one.name, one.version) for one in d()]"
    )
    found = dict(line.split() for line in inside(root, "python", "-c", script).splitlines())
    others = {name: version for name, version in found.items() if wanted.get(plain(name)) != version}
    assert set(others) <= {"setuptools"}  # Debian's environments of Python have it


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_nothing_runs_as_root_and_nothing_is_written(root: BareRoot) -> None:
    assert inside(root, "id", "-u").strip() == "9999"
    script = "import pathlib; pathlib.Path('/opt/footfall/x').touch()"
    done = subprocess.run(
        root.command(["python", "-c", script], {}, {}), capture_output=True, text=True, check=False
    )
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr


def test_the_services_start(root: BareRoot) -> None:
    if root.image == "services":
        assert "Usage: scripts/collect" in inside(root, "python", "-m", "services.collect", "--help")
        assert "Usage: scripts/serve" in inside(root, "python", "-m", "services.serve", "--help")


def test_the_suite_runs_in_application_mode(tmp_path: Path) -> None:
    """Planned by the JobManager itself, as on Kubernetes: an event goes in, a valid one comes out; a checkpoint."""
    root = made("suite")
    with EmbeddedStack(tmp_path / "stack", parts=("kafka", "elasticsearch")) as stack:
        servers = {"bootstrap.servers": stack.kafka.bootstrap_servers}
        settings = {
            "FOOTFALL_KAFKA_BOOTSTRAP_SERVERS": stack.kafka.bootstrap_servers,
            "FOOTFALL_ELASTICSEARCH_URL": stack.elasticsearch.url,
            "FOOTFALL_VALID_EVENTS": "true",
        }
        with application(root, tmp_path, settings) as flink:
            [job] = until(flink.jobs, 120)
            flink.wait_tasks_running(job, 240)
            beats = ["python", "-m", "cli.heartbeat", "--count", "60", "--every", "0.5"]
            beating = subprocess.Popen(root.command(beats, settings, {}))
            with closing(Writer(servers)) as writer:
                writer.write(topics.EVENTS_RAW.name, event(int(time.time() * 1000)), partition=0)
                writer.flush(10)
            until(lambda: sum(end_offsets(servers, topics.EVENTS_VALID.name).values()), 60)
            assert until(lambda: flink.latest_checkpoint(job), 90).startswith(f"file:{CHECKPOINTS}/")
            assert flink.restarts(job) == 0
            assert beating.wait(60) == 0


def event(at_ms: int) -> bytes:
    head = {
        "schema": "event/1",
        "event_id": "e",
        "event_type": "search",
        "event_time_ms": at_ms,
        "visitor_id": "v",
    }
    return orjson.dumps(head)


def until(found: Callable[[], Any], deadline_s: float) -> Any:
    """What is found, once it is."""
    end = time.monotonic() + deadline_s
    while not (answer := found()):
        assert time.monotonic() < end, "not within its time"
        time.sleep(1)
    return answer


def answers(flink: FlinkRest) -> bool:
    try:
        return bool(flink.taskmanagers())
    except requests.RequestException:
        return False


@contextmanager
def application(root: BareRoot, folder: Path, settings: dict[str, str]) -> Iterator[FlinkRest]:
    """JobManager and TaskManager of the suite, as the operator's pods start them."""
    places = {folder / "conf": "/opt/flink/conf", folder / "tmp": "/tmp", folder / "log": "/opt/flink/log"}
    for place in places:
        place.mkdir()
        os.chown(place, 9999, 9999)
    places[Path("/etc/hosts")] = "/etc/hosts"  # a container's knows its own name
    rest_port = write_configuration(folder / "conf")
    preparing = root.command(["python", "-m", "cli.prepare"], settings, places)
    prepared = subprocess.run(preparing, capture_output=True, text=True, check=False)
    assert prepared.returncode == 0, prepared.stderr
    driver = ["--job-classname", "org.apache.flink.client.python.PythonDriver"]
    job = ["-pyclientexec", "python", "-pym", "jobs.suite", "--set", "parallelism=2"]
    words = {"standalone-job.sh": [*driver, *job], "taskmanager.sh": []}
    started = [
        ManagedProcess(
            script,
            root.command([script, "start-foreground", *rest], settings, places),
            folder / f"{script}.log",
            dict(os.environ),
        )
        for script, rest in words.items()
    ]
    try:
        for process in started:
            process.start()
        flink = FlinkRest(f"http://{LOOPBACK}:{rest_port}")
        for process in started:
            process.wait_until(lambda: answers(flink), 180)
        yield flink
    finally:
        for process in started:
            process.stop()


def write_configuration(folder: Path) -> int:
    """The options of the manifests, but for what needs a cluster; returns the port of the REST interface."""
    rest, rpc, blob, data, calls, metrics, more = free_ports(7)
    options: dict[str, Any] = {
        key: value for key, value in manifests.options().items() if not key.startswith(NOT_HERE)
    }
    options |= {
        "rest.address": LOOPBACK, "rest.port": rest, "jobmanager.rpc.address": LOOPBACK, "jobmanager.rpc.port": rpc,
        "blob.server.port": blob, "taskmanager.host": LOOPBACK, "taskmanager.data.port": data, "taskmanager.rpc.port": calls,
        # Two processes share what is a pod for each on Kubernetes.
        "metrics.reporter.prom.port": f"{min(metrics, more)}-{max(metrics, more)}",
        "execution.checkpointing.dir": f"file://{CHECKPOINTS}", "execution.checkpointing.interval": "5 s",
    }  # fmt: skip
    flink_config.write_conf_dir(folder, {})
    with (folder / "config.yaml").open("w") as stream:
        YAML().dump(options, stream)
    return rest
