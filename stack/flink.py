"""A real Flink session cluster: a JobManager and a TaskManager process, from the distribution in pyflink."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from stack import flink_config, logs
from stack.errors import ComponentFailed, FlinkRequestFailed, StackError
from stack.flink_rest import FlinkRest
from stack.java import java_home
from stack.ports import LOOPBACK, free_ports
from stack.processes import ManagedProcess

_SUBMITTED = re.compile(r"Job has been submitted with JobID ([0-9a-f]{32})")
_SUBMISSION_WITHIN_S = 300.0
_NAME = "footfall"
# RocksDB keeps its caches in managed memory; state on the heap wants the memory there.
_MANAGED_MEMORY = {"hashmap": "384m", "rocksdb": "1024m"}


class FlinkCluster(FlinkRest):
    """A session cluster on free loopback ports, and the jobs on it."""

    name = "Flink"

    def __init__(
        self,
        connector_jars: list[Path],
        conf_dir: Path,
        data_dir: Path,
        log_dir: Path,
        *,
        slots: int = 2,
        parallelism: int = 2,
        state_backend: str = "hashmap",
        overrides: Mapping[str, object] | None = None,
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
        """
        self._rest_port, self._rpc_port, *self._metrics_ports = free_ports(5)
        super().__init__(f"http://{LOOPBACK}:{self._rest_port}")
        self.conf_dir, self._data, self.log_dir = conf_dir / "flink", data_dir / "flink", log_dir
        self._lib, self._pids = conf_dir / "flink-lib", conf_dir / "flink-pids"
        self._connector_jars, self._slots = connector_jars, slots
        self._values = self._settings(parallelism, state_backend) | dict(overrides or {})
        self.log = log_dir / f"flink-{_NAME}-standalonesession-0-embedded.log"
        self.jobmanager = self._server("JobManager")
        self.taskmanager = self._server("TaskManager")
        self._clients: list[ManagedProcess] = []
        self._submissions = 0

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which Flink's own scripts (`flink run` and others) talk to this cluster."""
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "JAVA_HOME": str(java_home()),
            "FLINK_HOME": str(flink_home()),
            "FLINK_LIB_DIR": str(self._lib),
            "FLINK_CONF_DIR": str(self.conf_dir),
            "FLINK_LOG_DIR": str(self.log_dir),
            "FLINK_PID_DIR": str(self._pids),
            # These two make the names of the log files the same everywhere.
            "FLINK_IDENT_STRING": _NAME,
            "HOSTNAME": "embedded",
            # Everything is in the rolling log files; the console file keeps what came before logging worked.
            "JVM_ARGS": "-Dconsole.log.level=WARN",
        }

    def start(self) -> None:
        """Write the configuration and start both processes.

        Raises:
            ComponentFailed: if a process cannot be started.
        """
        flink_config.write_conf_dir(self.conf_dir, self._values)
        self._link_libraries()
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
        self.taskmanager.wait_until(self.taskmanagers, deadline_s)

    def stop(self) -> None:
        """End all processes, Python workers among them. May be called twice, and before `start`."""
        for process in (*self._clients, self.taskmanager, self.jobmanager):
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
        if self.taskmanager.running:
            raise StackError(
                f"The TaskManager (process {self.taskmanager.pid}) still runs: kill_taskmanager() first."
            )
        lost = set(self.taskmanagers())
        self.taskmanager = self._server("TaskManager")
        self.taskmanager.start()
        self.taskmanager.wait_until(lambda: not set(self.taskmanagers()) <= lost, deadline_s)

    def run(
        self,
        module: str,
        py_files: Path,
        args: Sequence[str] = (),
        *,
        parallelism: int | None = None,
        from_savepoint: str | None = None,
        detached: bool = True,
        flags: Sequence[str] = (),
    ) -> str:
        """Submit a job with `flink run` and return its id.

        Args:
            module: its main module (`jobs.sessions`).
            py_files: folder or zip that holds the module and all it imports.
            args: the job's own arguments.
            parallelism: None = the cluster's default.
            from_savepoint: path of a savepoint or checkpoint to start from.
            detached: return after the submission; else after the end of the job.
            flags: further flags of `flink run`.

        Raises:
            FlinkRequestFailed: if `flink run` fails; the text has its last lines.
        """
        command: list[str | Path] = [flink_home() / "bin" / "flink", "run", *(["-d"] if detached else [])]
        command += ["-p", str(parallelism)] if parallelism else []
        command += ["-s", from_savepoint] if from_savepoint else []
        command += [*flags, "-pyfs", py_files, "-pym", module, *args]
        self._submissions += 1
        log = self.log_dir / f"flink-run-{self._submissions}-{module}.log"
        client = ManagedProcess(f"flink run {module}", command, log, self.environment)
        self._clients.append(client)
        return self._submit(client, _SUBMISSION_WITHIN_S if detached else None)

    def _submit(self, client: ManagedProcess, deadline_s: float | None) -> str:
        client.start()
        try:
            status = client.wait(deadline_s)
        finally:
            client.stop(grace_s=0)
            self._clients.remove(client)
        ids = _SUBMITTED.findall(client.log.read_text("utf-8", "replace"))
        if status != 0 or not ids:
            tail = logs.without_frames("\n".join(logs.last_lines(client.log, 60)))
            raise FlinkRequestFailed(
                f"{client.name} ended with status {status}; 0 and a job id were required. "
                f"Its last lines:\n{tail}\nLog: {client.log}"
            )
        return str(ids[-1])

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.rest_url}/overview", timeout=5).ok
        except requests.RequestException:
            return False

    def _server(self, role: str) -> ManagedProcess:
        script = flink_home() / "bin" / f"{role.lower()}.sh"
        log = self.log_dir / f"flink-{role.lower()}.out"
        return ManagedProcess(f"Flink's {role}", ["bash", script, "start-foreground"], log, self.environment)

    def _link_libraries(self) -> None:
        # The connector goes beside Flink's own jars rather than with each job: a class loader per job (and
        # per restart) would load it again and again. pyflink's own folder is not ours to write to.
        self._lib.mkdir(parents=True, exist_ok=True)
        for old in self._lib.iterdir():
            old.unlink()
        for jar in (*(flink_home() / "lib").glob("*.jar"), *self._connector_jars):
            (self._lib / jar.name).symlink_to(jar)

    def _settings(self, parallelism: int, state_backend: str) -> dict[str, object]:
        if state_backend not in _MANAGED_MEMORY:
            raise StackError(
                f"state_backend: {' or '.join(_MANAGED_MEMORY)} is required, {state_backend!r} came."
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
            "metrics.reporter.prom.port": ",".join(str(port) for port in self._metrics_ports),
        }


def flink_home() -> Path:
    """The Flink distribution inside the installed pyflink package.

    Raises:
        ComponentFailed: if apache-flink is not installed, or its path has a space.
    """
    spec = importlib.util.find_spec("pyflink")
    if spec is None or spec.origin is None:
        raise ComponentFailed(f"{sys.executable} has no pyflink: install requirements.txt there.")
    home = Path(spec.origin).parent
    if " " in str(home):
        raise ComponentFailed(
            f"Flink's scripts cannot run from a path with a space: {home}. Move the environment."
        )
    return home
