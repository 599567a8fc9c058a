"""A real Flink session cluster: a JobManager and a TaskManager process, from the distribution in pyflink."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import requests

from stack import flink_config
from stack.errors import StackError
from stack.flink_client import NAME, FlinkClient, client_variables, flink_home, link_libraries
from stack.java import QUICK
from stack.ports import LOOPBACK, free_ports
from stack.processes import ManagedProcess

# RocksDB keeps its caches in managed memory; state on the heap wants the memory there.
_MANAGED_MEMORY = {"hashmap": "384m", "rocksdb": "1024m"}


class FlinkCluster(FlinkClient):
    """A session cluster on free loopback ports, and the jobs on it."""

    name = "Flink"

    def __init__(
        self,
        connector_jars: list[Path],
        conf_dir: Path,
        data_dir: Path,
        log_dir: Path,
        *,
        slots: int = 1,
        parallelism: int = 1,
        state_backend: str = "hashmap",
        overrides: Mapping[str, object] | None = None,
        quick: bool = False,
    ) -> None:
        """Choose the ports and describe the processes; nothing runs yet.

        Args:
            connector_jars: on the class path of the cluster and of its clients.
            conf_dir: its folder flink/ becomes FLINK_CONF_DIR.
            data_dir: its folder flink/ receives checkpoints, savepoints and temporary files.
            log_dir: receives the logs.
            slots: task slots of the TaskManager.
            parallelism: of jobs that are submitted without one.
            state_backend: hashmap or rocksdb.
            overrides: further configuration values by full key; they win.
            quick: see `stack.java.QUICK`.
        """
        self._rest_port, self._rpc_port, *self.metrics_ports = free_ports(5)
        self.conf_dir, self._data = conf_dir / "flink", data_dir / "flink"
        self._lib, self._pids = conf_dir / "flink-lib", conf_dir / "flink-pids"
        rest_url = f"http://{LOOPBACK}:{self._rest_port}"
        variables = client_variables(self.conf_dir, self._lib, log_dir) | {"FLINK_PID_DIR": str(self._pids)}
        if quick:
            variables["JVM_ARGS"] = " ".join([variables["JVM_ARGS"], *QUICK])
        super().__init__(rest_url, variables, log_dir)
        self._connector_jars, self._slots = connector_jars, slots
        self._values = self._settings(parallelism, state_backend) | dict(overrides or {})
        self.log = log_dir / f"flink-{NAME}-standalonesession-0-embedded.log"
        self.jobmanager = self._server("JobManager")
        self.taskmanager = self._server("TaskManager")

    def start(self) -> None:
        """Write the configuration and start both processes.

        Raises:
            ComponentFailed: if a process cannot be started.
        """
        flink_config.write_conf_dir(self.conf_dir, self._values)
        link_libraries(self._lib, self._connector_jars)
        self._write_environment_file()
        for folder in ("checkpoints", "savepoints", "tmp"):
            (self._data / folder).mkdir(parents=True, exist_ok=True)
        self.jobmanager.start()
        self.taskmanager.start()

    def wait_ready(self, deadline_s: float = 180.0) -> None:
        """Return once all slots are offered.

        Raises:
            StackError: if a process ended or `deadline_s` seconds passed.
        """
        self.jobmanager.wait_until(self._answers, deadline_s)
        self.taskmanager.wait_until(lambda: self._slots_offered(without=()), deadline_s)

    def stop(self) -> None:
        """End all processes, Python workers among them. May be called twice, and before `start`."""
        self.stop_submissions()
        for process in (self.taskmanager, self.jobmanager):
            process.stop(grace_s=0)

    def kill_taskmanager(self) -> None:
        """SIGKILL the TaskManager, as a crash would end it; returns once its Python workers are gone too."""
        self.taskmanager.kill()
        self.taskmanager.wait(30)

    def start_taskmanager(self, deadline_s: float = 120.0) -> None:
        """Start a TaskManager in place of one that ended, and wait until its slots are offered.

        Raises:
            StackError: if the old one still runs, or the new one is not ready after `deadline_s` seconds.
        """
        lost = set(self.taskmanagers())
        self.taskmanager = self.taskmanager.start_again()
        self.taskmanager.wait_until(lambda: self._slots_offered(without=lost), deadline_s)

    def _slots_offered(self, without: Collection[str]) -> bool:
        # A TaskManager is known a moment before its slots are.
        known = self.taskmanagers().items()
        return any(slots >= self._slots for taskmanager, slots in known if taskmanager not in without)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.rest_url}/overview", timeout=5).ok
        except requests.RequestException:
            return False

    def _server(self, role: str) -> ManagedProcess:
        script = flink_home() / "bin" / f"{role.lower()}.sh"
        log = self.log_dir / f"flink-{role.lower()}.out"
        command: list[str | Path] = ["bash", script, "start-foreground"]
        # Python looks for modules where it was started first: in a checkout, that is not what was submitted.
        return ManagedProcess(f"Flink's {role}", command, log, self.environment, self.log_dir)

    def _write_environment_file(self) -> None:
        # For Flink's own commands in a shell: `. flink-env.sh; "$FLINK_HOME/bin/flink" list`.
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self.variables.items()]
        (self.conf_dir.parent / "flink-env.sh").write_text("".join(lines), "utf-8")

    def _settings(self, parallelism: int, state_backend: str) -> dict[str, object]:
        if state_backend not in _MANAGED_MEMORY:
            raise StackError(
                f"state_backend: {' or '.join(_MANAGED_MEMORY)} is required, {state_backend!r} came"
            )
        return {
            "rest.port": self._rest_port,
            "jobmanager.rpc.port": self._rpc_port,
            "taskmanager.numberOfTaskSlots": self._slots,
            "taskmanager.memory.managed.size": _MANAGED_MEMORY[state_backend],
            "parallelism.default": parallelism,
            "state.backend.type": state_backend,
            "execution.checkpointing.incremental": state_backend == "rocksdb",
            "execution.checkpointing.dir": (self._data / "checkpoints").as_uri(),
            "execution.checkpointing.savepoint-dir": (self._data / "savepoints").as_uri(),
            "io.tmp.dirs": str(self._data / "tmp"),
            "python.executable": sys.executable,
            "python.client.executable": sys.executable,
            "metrics.reporter.prom.port": ",".join(str(port) for port in self.metrics_ports),
        }
