"""The demonstration: suite and triggers, collector, API, a mailer and a shop's page, all on this machine."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from rich.console import Console

from connectors.errors import BadInput, plain_os
from jobs.settings import Settings, Value
from stack.embedded import EmbeddedStack
from stack.environments import in_services
from stack.errors import StackError
from stack.package import ROOT
from stack.ports import LOOPBACK, free_ports
from stack.processes import ManagedProcess
from stack.runs.deploy import Deployment
from stack.runs.feed import Feeder
from stack.runs.interrupts import ended_in_time
from stack.runs.run_settings import LIVE_SETTINGS

OF_THE_PAGE: Mapping[str, Value] = {"actions_file": str(Path(__file__).with_name("demo_actions.yaml"))}
# One worker a job, and no models: a demonstration has one visitor, and is to be there soon.
DEMO_SETTINGS: Mapping[str, Value] = {**LIVE_SETTINGS, **OF_THE_PAGE, "parallelism": 1, "scoring": False}
# A page sends what waits every two seconds, which is the out-of-orderness bound; the rest is for the way.
BEHIND_MS = 500
_BEAT_S = 0.1
_JOBS_S, _SERVER_S = 180.0, 120.0
_WHERE = {"FOOTFALL_ROOT": str(ROOT), "PYTHONPATH": str(ROOT)}
_NEVER_TOO_OFTEN = ("--set", "rate_per_s=10000", "--set", "rate_burst=10000")
_PLAIN = ("--set", "cookie_secure=false", "--set", "drain_ms=1000")


class Demo:
    """The processes beside the stack.

    Attributes:
        url: of the page.
        folder: of logs, addresses and the mailer's ledger.
        bound_ms: from a cart's due time to the moment when event time has passed it.
    """

    def __init__(self, deployment: Deployment, folder: Path, port: int = 0) -> None:
        """Describes them.

        Args:
            deployment: with topics and indices.
            folder: for logs, addresses and the mailer's ledger.
            port: of the page; 0 takes a free one.
        """
        settings = deployment.settings
        self.bound_ms = settings.out_of_orderness_ms + BEHIND_MS
        self._deployment, self.folder = deployment, folder.resolve()
        secret = {"FOOTFALL_VISITOR_KEY": secrets.token_hex(32)}
        self._environment = {**os.environ, **_WHERE, **secret}
        page, self._smtp, collector, api = free_ports(4)
        self._page_port = port or page
        self.url, self._collector, self._api = (
            f"http://{LOOPBACK}:{one}" for one in (self._page_port, collector, api)
        )
        kafka = settings.kafka_bootstrap_servers
        common = ("--set", f"kafka_bootstrap_servers={kafka}", *_PLAIN, *_NEVER_TOO_OFTEN)
        index = ("--set", f"elasticsearch_url={settings.elasticsearch_url}")
        self.processes = {
            "collector": self._service("collector", "services.collect", f"port={collector}", *common),
            "api": self._service("api", "services.serve", f"port={api}", *common, *index),
            "page": self._of_services("page", "services.demo.serve", *self._of_the_page(kafka)),
            "mailer": self._mailer(kafka),
        }

    @contextmanager
    def running(self, jobs: Sequence[str] = ("suite", "triggers")) -> Iterator[None]:
        """Submits the jobs, starts everything, waits until the page can be used; event time goes on.

        Args:
            jobs: those that nobody else submits.

        Raises:
            StackError: something does not start.
        """
        left = threading.Event()
        try:
            with ThreadPoolExecutor(1) as pool:
                submitted = pool.submit(self._submit, jobs)
                try:
                    self._start()
                    submitted.result()
                except BaseException:
                    self._deployment.stack.flink.stop_submissions()
                    raise
            threading.Thread(target=self._beat, args=(left,), name="heartbeats", daemon=True).start()
            yield
        finally:
            left.set()
            with ThreadPoolExecutor(len(self.processes)) as pool:
                list(pool.map(ManagedProcess.stop, self.processes.values()))

    def require_all(self) -> None:
        """Looks whether all processes still run.

        Raises:
            StackError: one has ended.
        """
        for name, process in self.processes.items():
            if not process.running:
                raise StackError(f"the {name} has ended with status {process.returncode}: see {process.log}")

    def _submit(self, names: Sequence[str]) -> None:
        flink = self._deployment.stack.flink
        for job in [self._deployment.submit(name) for name in names]:
            flink.wait_tasks_running(job, _JOBS_S)

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "addresses.csv").touch()
        for process in self.processes.values():
            process.start()
        ready = {"collector": self._collector, "api": self._api}
        for name, process in self.processes.items():
            if name in ready:
                process.wait_until(_answers(f"{ready[name]}/readyz"), _SERVER_S)
            elif name == "page":
                process.wait_until(_answers(self.url), _SERVER_S)

    def _beat(self, left: threading.Event) -> None:
        feeder = Feeder(self._deployment.kafka_properties)
        while not left.wait(_BEAT_S):
            now_ms = int(time.time() * 1000)
            feeder.heartbeat(now_ms - BEHIND_MS, f"demo-{now_ms}")

    def _service(self, name: str, module: str, port: str, *settings: str) -> ManagedProcess:
        return self._of_services(name, module, "--set", port, *settings)

    def _of_services(self, name: str, *arguments: str) -> ManagedProcess:
        return ManagedProcess(name, in_services(*arguments), self._log(name), self._environment)

    def _of_the_page(self, kafka: str) -> tuple[str, ...]:
        return (
            *("--port", str(self._page_port), "--smtp-port", str(self._smtp), "--kafka", kafka),
            *("--collector", self._collector, "--api", self._api),
            *("--addresses", str(self.folder / "addresses.csv"), "--web", str(ROOT / "web")),
            *("--cart-timeout-ms", str(self._deployment.settings.cart_timeout_ms)),
            *("--bound-ms", str(self.bound_ms)),
        )

    def _mailer(self, kafka: str) -> ManagedProcess:
        command = (
            *(sys.executable, "-m", "examples.send_mail"),
            *("--kafka", kafka, "--smtp", f"{LOOPBACK}:{self._smtp}", "--sender", "shop@footfall.example"),
            *("--addresses", str(self.folder / "addresses.csv")),
            *("--ledger", str(self.folder / "sent.sqlite")),
        )
        (self.folder / "sent.sqlite").unlink(missing_ok=True)
        return ManagedProcess("mailer", command, self._log("mailer"), self._environment)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def _answers(url: str) -> Callable[[], bool]:
    def asked() -> bool:
        with suppress(URLError, OSError), urlopen(url, timeout=2) as answer:  # noqa: S310 - ours, on loopback
            return bool(answer.status == 200)
        return False

    return asked


def run_demo(console: Console, settings: Settings, workdir: Path, port: int) -> None:
    """The demonstration on a stack of its own, until Ctrl-C.

    Raises:
        BadInput: the port is not free.
        StackError: something does not start, or has ended.
    """
    _require_free(port)
    _make_environment()
    stack = EmbeddedStack(workdir, slots=2, console=console, quick=True)
    with ended_in_time(), stack:
        deployment = Deployment(stack, settings, workdir)
        deployment.prepare()
        demo = Demo(deployment, workdir / "data" / "demo", port)
        console.print("starting the jobs, the collector, the API and the shop")
        with demo.running():
            _announce(demo, settings, stack, console)
            while True:
                demo.require_all()
                time.sleep(1)


@contextmanager
def beside(deployment: Deployment, workdir: Path, console: Console) -> Iterator[None]:
    """The page beside a suite that is submitted by somebody else; prints its address.

    Raises:
        StackError: something does not start.
    """
    _make_environment()
    demo = Demo(deployment, workdir / "data" / "demo")
    with demo.running(("triggers",)):
        console.print(f"a shop's page  {demo.url}")
        yield


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise BadInput(
                f"port {port} of {LOOPBACK} cannot be taken: {plain_os(error)}",
                "choose another --port; 0 takes a free one",
            ) from error


def _make_environment() -> None:
    """Here it is seen: a first time takes a minute."""
    made = subprocess.run(["sh", "-c", ". scripts/_services"], cwd=ROOT, env={**os.environ, **_WHERE})
    if made.returncode:
        raise StackError("the environment of the services could not be made", "read the output above")


def _announce(demo: Demo, settings: Settings, stack: EmbeddedStack, console: Console) -> None:
    console.print(f"Flink UI       {stack.flink.rest_url}")
    console.print(f"logs           {stack.log_dir}, {demo.folder}")
    console.print(f"open           {demo.url}")
    console.print(
        f"fill a cart and wait: after {settings.cart_timeout_ms / 1000:.0f} s it is abandoned, and "
        f"{demo.bound_ms / 1000:.1f} s later that is certain; then buy. Ctrl-C ends everything"
    )
