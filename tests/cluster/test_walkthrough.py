"""Commands of the README and the tutorials that need servers, as their reader runs them in a checkout."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.elasticsearch import indices
from stack.embedded import ADDRESSES, DEFAULT_WORKDIR, EmbeddedStack
from stack.package import ROOT
from stack.ports import free_ports
from stack.runs.interrupts import STATUS
from tests.cluster.conftest import Deployer, processes_of, read_lines, wait_until
from tests.cluster.test_run import hears_interrupts
from tests.walkthrough import commands as commands
from tests.walkthrough import write_files

Words = list[str]
README, FIRST_RULE, OWN_EVENTS = (
    "README.md",
    "docs/tutorials/first-rule.md",
    "docs/tutorials/your-own-events.md",
)
_START_S, _SIGNAL_S, _END_S = 240, 180, 60


class Checkout:
    """A folder that looks like the checkout, into which a reader may write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in ROOT.iterdir():
            if path.name not in (".git", str(DEFAULT_WORKDIR)):
                (folder / path.name).symlink_to(path)
        # Secrets that the services ask for, from the environment as their pages say.
        self.environment = {**os.environ, "FOOTFALL_VENV": sys.prefix, "FOOTFALL_VISITOR_KEY": "k" * 40}
        self.environment.pop("PYTHONPATH", None)

    def addresses(self) -> dict[str, Any]:
        """Of the stack that runs here; empty before there is one."""
        path = self.folder / DEFAULT_WORKDIR / ADDRESSES
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}

    def run(self, words: Words, within_s: float = 90, stream: str = "stdout") -> str:
        """What a command prints, or what it writes for people on stderr; it succeeds."""
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=within_s
        )
        assert done.returncode == 0, done.stderr
        return str(getattr(done, stream))

    @contextmanager
    def started(self, words: Words, ends_with: tuple[int, ...] = (0,), **variables: str) -> Iterator[Started]:
        """A command that runs until Ctrl-C, which it obeys."""
        found = Started(words, self.folder, {**self.environment, **variables})
        try:
            yield found
            found.interrupt()
            assert found.process.wait(_END_S) in ends_with, found.output()
        finally:
            found.process.kill()
            found.process.wait()


class Started:
    """A process, and what it has printed so far."""

    def __init__(self, words: Words, folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / f"{Path(words[0]).name}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                words, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=hears_interrupts,
            )  # fmt: skip

    def output(self) -> str:
        """All that it has printed."""
        return self._log.read_text("utf-8", "replace")

    def wait_for(self, pattern: str, within_s: float) -> re.Match[str]:
        """The first match in what it prints."""

        def shown() -> bool:
            assert self.process.poll() is None, self.output()
            return re.search(pattern, self.output()) is not None

        wait_until(shown, within_s, f"{pattern!r} in the output")
        found = re.search(pattern, self.output())
        assert found
        return found

    def interrupt(self) -> None:
        """Ctrl-C in its terminal."""
        os.killpg(self.process.pid, signal.SIGINT)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    yield Checkout(tmp_path)
    wait_until(lambda: not processes_of(tmp_path / DEFAULT_WORKDIR), 10, "nothing is left running")


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_live_run_has_signals_and_services_beside_it(checkout: Checkout, commands: list[Words]) -> None:
    run, signals, *services = commands
    with checkout.started(run, (0, 1)) as shop:
        kind = shop.wait_for(r"(\w+)/active +visitor ", _START_S)[1]
        assert kind in checkout.run(signals)
        kafka, index = (checkout.addresses()[part] for part in ("kafka", "elasticsearch"))
        for words, port in zip(services, free_ports(len(services)), strict=True):
            ends = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "ELASTICSEARCH_URL": index, "PORT": str(port)}
            variables = {f"FOOTFALL_{name}": value for name, value in ends.items() if name in _READ[words[0]]}
            with checkout.started(words, (0, -signal.SIGINT, 130), **variables):
                wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60, f"{words} is ready")  # noqa: B023
    assert '"balanced"' in shop.output()


_READ = {
    "scripts/collect": ("KAFKA_BOOTSTRAP_SERVERS", "PORT"),
    "scripts/serve": ("KAFKA_BOOTSTRAP_SERVERS", "ELASTICSEARCH_URL", "PORT"),
}


def test_a_rule_of_ones_own_runs(checkout: Checkout, commands: list[Words]) -> None:
    run, signals, why = commands
    write_files(FIRST_RULE, checkout.folder)
    with checkout.started(run, (0, 1)) as shop:
        visitor = shop.wait_for(r"many_searches.*visitor (\S+)", _START_S + _SIGNAL_S)[1]
        assert "many_searches" in checkout.run(signals)
        asked = [visitor if word == "VISITOR" else word for word in why]
        assert "many_searches" in checkout.run(asked) and "fired" in checkout.run(asked)


def test_a_live_run_ends_by_itself(checkout: Checkout, commands: list[Words]) -> None:
    (run,) = commands
    summary = checkout.run(run, 120 + _START_S, "stderr")
    assert re.search(r'"balanced": true', summary) and "cart_abandoned" in summary


def test_a_file_is_replayed(checkout: Checkout, commands: list[Words]) -> None:
    (run,) = commands
    write_files(FIRST_RULE, checkout.folder)
    events = (checkout.folder / "my-events.jsonl").read_bytes()
    (checkout.folder / "events.jsonl.gz").write_bytes(gzip.compress(events))
    checkout.run(run, _START_S + _SIGNAL_S)
    ledger = json.loads((checkout.folder / "out" / "ledger.json").read_text("utf-8"))
    assert ledger["balanced"] and ledger["valid"] == len(events.splitlines())


def test_own_events_give_what_the_page_says(checkout: Checkout, commands: list[Words]) -> None:
    (run,) = commands
    write_files(OWN_EVENTS, checkout.folder)
    checkout.run(run, _START_S + _SIGNAL_S)
    out = checkout.folder / "out"
    ledger = json.loads((out / "ledger.json").read_text("utf-8"))
    assert (ledger["foreign"]["messages"], ledger["foreign"]["unaccounted"]) == (4, 0)
    assert ledger["balanced"] and ledger["valid"] == 3
    (refused,) = read_lines(out / "rejected.jsonl")
    assert (refused["reason"], refused["field"], refused["line"]) == ("missing_field", "timestamp", 4)
    (cart,) = [one for one in read_lines(out / "signals.jsonl") if one["kind"] == "cart_abandoned"]
    assert (cart["visitor_id"], cart["evidence"]["value"]) == ("anna", 39.8)
    assert len(read_lines(out / "sessions.jsonl")) == 2


def test_the_demo_answers_until_ctrl_c(checkout: Checkout, commands: list[Words]) -> None:
    (demo,) = commands
    with checkout.started(demo, (STATUS,)) as shop:
        url = shop.wait_for(r"open +(http://\S+)", _START_S)[1]
        page = requests.get(url, timeout=10)
        assert page.status_code == 200 and "<html" in page.text.lower()


def test_the_signal_of_the_readme_is_found(
    checkout: Checkout, commands: list[Words], deploy: Deployer, stack: EmbeddedStack
) -> None:
    (signals,) = commands
    deployment = deploy()
    shown, query = map(json.loads, re.findall(r"```json\n(.*?)```", (ROOT / README).read_text(), re.DOTALL))
    alias = indices.SIGNALS.alias
    other = {**shown, "signal_id": "0" * 32, "visitor_id": "ben"}
    for one in (shown, other):
        deployment.client.index(index=alias, id=one["signal_id"], document=one, refresh=True)
    hits = deployment.client.search(index=alias, **query)["hits"]["hits"]
    assert [hit["_source"] for hit in hits] == [shown]
    # Where the stack of scripts/run says where it is.
    here = checkout.folder / DEFAULT_WORKDIR
    here.mkdir()
    (here / ADDRESSES).write_bytes((stack.workdir / ADDRESSES).read_bytes())
    (line,) = checkout.run(signals).splitlines()
    assert json.loads(line) == shown
