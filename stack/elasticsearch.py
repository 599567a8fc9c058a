"""A real Elasticsearch node (core, HTTP only); its home folder is put together from the registry's jars."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

import requests

from stack.java import QUICK, libjvm
from stack.ports import LOOPBACK, free_ports
from stack.processes import ManagedProcess

HEAP = "512m"
_MODULE = "transport-netty4"
_DESCRIPTORS = f"META-INF/es-plugins/{_MODULE}/"
_MODULE_PREFIXES = ("netty-", f"{_MODULE}-")

_LOG4J = """\
status = error
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
"""


class ElasticsearchNode:
    """One Elasticsearch node on a free loopback port."""

    name = "Elasticsearch"

    def __init__(
        self, jars: list[Path], conf_dir: Path, data_dir: Path, log_dir: Path, *, quick: bool = False
    ) -> None:
        """Choose the ports and describe the process; nothing runs yet.

        Args:
            jars: the node's jars, the netty transport among them.
            conf_dir: receives the node's home folder.
            data_dir: indices; kept data are used again.
            log_dir: receives elasticsearch.log.
            quick: see `stack.java.QUICK`.
        """
        self._jars, self._home, self._log_dir = jars, conf_dir / "elasticsearch", log_dir
        self.port, transport_port = free_ports(2)
        self.log = log_dir / "elasticsearch.log"
        settings = {
            "cluster.name": "footfall-embedded",
            "node.name": "embedded",
            "path.home": str(self._home),
            "path.data": str(data_dir / "elasticsearch"),
            "path.logs": str(log_dir),
            "network.host": LOOPBACK,
            "http.port": str(self.port),
            "transport.port": str(transport_port),
            "discovery.type": "single-node",
            # Embedded data are small; a laptop's disk that is 90 % full is no reason to refuse writes.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "stack.elasticsearch_node",
            libjvm(),
            " ".join([f"-Xms{HEAP}", f"-Xmx{HEAP}", *(QUICK if quick else ())]),
            self._home,
        ]
        command += [f"{key}={value}" for key, value in settings.items()]
        repository_root = str(Path(__file__).resolve().parent.parent)
        self.process = ManagedProcess(
            self.name, command, self.log, {**os.environ, "PYTHONPATH": repository_root}
        )

    @property
    def url(self) -> str:
        """http://host:port of the node."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def address(self) -> str:
        """What clients are given."""
        return self.url

    def start(self) -> None:
        """Lay out the home folder and start the node.

        Raises:
            ComponentFailed: if the process cannot be started.
        """
        lay_out_home(self._home, self._jars)
        self.process.start()

    def wait_ready(self, deadline_s: float = 120.0) -> None:
        """Return once the node has elected itself and takes writes.

        Raises:
            StackError: if it ended or needed more than `deadline_s` seconds.
        """
        self.process.wait_until(self._answers, deadline_s)

    def stop(self) -> None:
        """End the node. May be called twice, and before `start`."""
        self.process.stop()

    def _answers(self) -> bool:
        try:
            health = requests.get(
                f"{self.url}/_cluster/health", {"wait_for_status": "yellow", "timeout": "1s"}, timeout=5
            )
        except requests.RequestException:
            return False
        return health.status_code == requests.codes.ok


def lay_out_home(home: Path, jars: list[Path]) -> None:
    """Arrange links to the jars as a node's home: lib/, modules/transport-netty4/, config/, plugins/."""
    shutil.rmtree(home, ignore_errors=True)
    lib, module = home / "lib", home / "modules" / _MODULE
    for folder in (lib, module, home / "config", home / "plugins"):
        folder.mkdir(parents=True)
    for jar in jars:
        folder = module if jar.name.startswith(_MODULE_PREFIXES) else lib
        (folder / jar.name).symlink_to(jar)
    _unpack_descriptors(next(module.glob(f"{_MODULE}-*.jar")), module)
    (home / "config" / "log4j2.properties").write_text(_LOG4J, "utf-8")


def _unpack_descriptors(plugin: Path, module: Path) -> None:
    with zipfile.ZipFile(plugin) as archive:
        descriptor = archive.read(f"{_DESCRIPTORS}plugin-descriptor.properties").decode()
        policy = archive.read(f"{_DESCRIPTORS}entitlement-policy.yaml")
    # Without a module name the plugin loads from the class path, and so the node needs no module path either.
    lines = [line for line in descriptor.splitlines() if not line.startswith("modulename=")]
    (module / "plugin-descriptor.properties").write_text("\n".join(lines) + "\n", "utf-8")
    (module / "entitlement-policy.yaml").write_bytes(policy)
