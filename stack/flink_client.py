"""Submitting jobs to a Flink cluster with its own `flink run`."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.errors import FlinkRequestFailed
from connectors.flink.rest import FlinkRest, without_frames
from stack import logs
from stack.errors import ComponentFailed
from stack.java import java_home
from stack.processes import ManagedProcess

NAME = "footfall"
_SUBMITTED = re.compile(r"Job has been submitted with JobID ([0-9a-f]{32})")
_SUBMISSION_WITHIN_S = 300.0


class FlinkClient(FlinkRest):
    """A cluster that may run anywhere: its jobs over REST, submissions through `flink run`."""

    def __init__(self, rest_url: str, variables: Mapping[str, str], log_dir: Path) -> None:
        """Remember how to reach the cluster.

        Args:
            rest_url: http://host:port.
            variables: what Flink's scripts need beyond this process's environment: FLINK_CONF_DIR and others.
            log_dir: receives one log per submission.
        """
        super().__init__(rest_url)
        self.variables, self.log_dir = dict(variables), log_dir
        self._submissions: list[ManagedProcess] = []

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment in which Flink's own scripts (`flink run`, ...) talk to this cluster."""
        # A job must find its modules in what is submitted, as it has to on any other machine.
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return inherited | self.variables

    @property
    def address(self) -> str:
        """What clients are given: the REST interface, which is also the web UI."""
        return self.rest_url

    def stop_submissions(self) -> None:
        """End every `flink run` that has not returned; the jobs it submitted go on."""
        for process in self._submissions:
            process.stop(grace_s=0)

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
        log = self.log_dir / f"flink-run-{len(self._submissions) + 1}-{module}.log"
        client = ManagedProcess(f"flink run {module}", command, log, self.environment)
        self._submissions.append(client)
        return self._submit(client, _SUBMISSION_WITHIN_S if detached else None)

    def _submit(self, client: ManagedProcess, deadline_s: float | None) -> str:
        client.start()
        try:
            status = client.wait(deadline_s)
        finally:
            client.stop(grace_s=0)
        ids = _SUBMITTED.findall(client.log.read_text("utf-8", "replace"))
        if status != 0 or not ids:
            tail = without_frames("\n".join(logs.last_lines(client.log, 60)))
            raise FlinkRequestFailed(
                f"{client.name} ended with status {status}; 0 and a job id were required. "
                f"Its last lines:\n{tail}\nLog: {client.log}"
            )
        return str(ids[-1])


def client_variables(conf_dir: Path, lib_dir: Path, log_dir: Path) -> dict[str, str]:
    """What Flink's scripts need in their environment.

    Args:
        conf_dir: with config.yaml and the log4j files.
        lib_dir: the class path, see `link_libraries`.
        log_dir: receives the logs of servers and clients.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "JAVA_HOME": str(java_home()),
        "FLINK_HOME": str(flink_home()),
        "FLINK_LIB_DIR": str(lib_dir),
        "FLINK_CONF_DIR": str(conf_dir),
        "FLINK_LOG_DIR": str(log_dir),
        # These two make the names of the log files the same everywhere.
        "FLINK_IDENT_STRING": NAME,
        "HOSTNAME": "embedded",
        # Everything is in the rolling log files; the console file keeps what came before logging worked.
        "JVM_ARGS": "-Dconsole.log.level=WARN",
    }


def link_libraries(lib_dir: Path, connector_jars: Sequence[Path]) -> None:
    """Make a folder of links to Flink's own jars and the connectors: what FLINK_LIB_DIR points to."""
    # The connector goes beside Flink's own jars rather than with each job: a class loader per job (and per
    # restart) would load it again and again. pyflink's own folder is not ours to write to.
    lib_dir.mkdir(parents=True, exist_ok=True)
    for old in lib_dir.iterdir():
        old.unlink()
    # flink-python as well, for the same reason: Beam's classes of each job would fill the metaspace for ever
    # (config.yaml, classloader).
    home = flink_home()
    for jar in (*(home / "lib").glob("*.jar"), *(home / "opt").glob("flink-python-*.jar"), *connector_jars):
        (lib_dir / jar.name).symlink_to(jar)


def flink_home() -> Path:
    """The Flink distribution inside the installed pyflink package.

    Raises:
        ComponentFailed: if apache-flink is not installed, or its path has a space.
    """
    spec = importlib.util.find_spec("pyflink")
    if spec is None or spec.origin is None:
        raise ComponentFailed(f"{sys.executable} has no pyflink", "install requirements.txt there")
    home = Path(spec.origin).parent
    if " " in str(home):
        raise ComponentFailed(
            f"Flink's scripts cannot run from a path with a space: {home}", "move the environment"
        )
    return home
