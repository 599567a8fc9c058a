"""Submitting jobs to a Flink cluster that was started elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import requests

from connectors.errors import FlinkRequestFailed
from connectors.wording import plainly
from stack import flink_config
from stack.flink_client import FlinkClient, client_variables, link_libraries

# A job carries its client's configuration, which wins over the cluster's; where state lies is the cluster's
# affair.
_THE_CLUSTERS_OWN = ("state", "execution.checkpointing.dir", "execution.checkpointing.savepoint-dir")


class RemoteFlink(FlinkClient):
    """A client of a running cluster; what `flink run` needs on this side is made in a folder."""

    def __init__(self, rest_url: str, connector_jars: list[Path], folder: Path, python: str) -> None:
        """Describe the client; nothing is written or asked yet.

        Args:
            rest_url: http://host:port of the cluster.
            connector_jars: the planner, which runs on this side, needs them; the cluster has its own.
            folder: receives configuration, class path and logs.
            python: interpreter of the cluster's Python workers.

        Raises:
            FlinkRequestFailed: if the address has no host.
        """
        parts = urlsplit(rest_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FlinkRequestFailed(f"rest-url: http://host:port is required, {rest_url!r} came")
        self._conf, self._lib, self._jars = folder / "conf", folder / "lib", connector_jars
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._values = {
            "rest.address": parts.hostname,
            "rest.port": port,
            "security.ssl.rest.enabled": parts.scheme == "https",
            "python.executable": python,
        }
        logs = folder / "logs"
        super().__init__(rest_url.rstrip("/"), client_variables(self._conf, self._lib, logs), logs)

    def prepare(self) -> None:
        """Check that the cluster answers, and write configuration and class path.

        Raises:
            FlinkRequestFailed: if it does not answer.
        """
        try:
            self.taskmanagers()
        except requests.RequestException as error:
            raise FlinkRequestFailed(
                f"No Flink answers at {self.rest_url}: {plainly(error)}",
                "start a cluster (scripts/run has one), or correct --rest-url",
            ) from error
        values = self._values | {"python.client.executable": sys.executable}
        flink_config.write_conf_dir(self._conf, values, without=_THE_CLUSTERS_OWN)
        link_libraries(self._lib, self._jars)
        self.log_dir.mkdir(parents=True, exist_ok=True)
