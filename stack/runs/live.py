"""A live run: a generated shop feeds the suite; signals are printed as they become searchable."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from elasticsearch import Elasticsearch
from rich.console import Console

from connectors.elasticsearch import indices
from jobs.offline.ledger import Ledger, read_ledger, read_letters
from jobs.offline.searchable import Searchable
from stack.runs.deploy import Deployment
from stack.runs.feed import Feeder
from stack.shop.shop import Shop

_BEAT_S, _LOOK_S = 0.1, 0.2
_BALANCE_DEADLINE_S = 90.0
# After Ctrl-C everything ends within ten seconds, the servers included.
_LAST_BALANCE_S = 3.5


@dataclass
class Watch:
    """Polls the signals index and keeps, for each change of a signal, how late it became searchable.

    Latency is from the change's own event time: the cart's due time for an abandonment, the purchase for a
    recovery; in milliseconds, up to the moment a search shows it.

    Attributes:
        since_ms: event time before which a change is of no interest: it was there before anybody looked.
    """

    client: Elasticsearch
    console: Console
    since_ms: int = 0
    latencies_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._searchable = Searchable(self.client)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Looks five times a second in a thread of its own, until the block is left, and once more then."""
        left = Event()
        with ThreadPoolExecutor(1, "watch") as pool:
            looks = pool.submit(self._look_until, left)
            try:
                yield
            finally:
                left.set()
                looks.result()

    def _look_until(self, left: Event) -> None:
        while not left.wait(_LOOK_S):
            self.poll()
        self.poll()

    def poll(self) -> None:
        """Looks once for changes that are new."""
        for signal in self._searchable.changes():
            now_ms = time.time() * 1000
            if signal["version"] < self.since_ms:
                continue
            name = f"{signal['kind']}/{signal['status']}"
            self.latencies_ms[name].append(now_ms - signal["version"])
            self.console.print(
                f"{name:<26} visitor {signal['visitor_id']:<18} {self.latencies_ms[name][-1]:6.0f} ms"
            )

    def summary(self) -> dict[str, dict[str, float]]:
        """Count and latency percentiles by kind and status, milliseconds."""
        return {name: _percentiles(values) for name, values in sorted(self.latencies_ms.items())}


def _percentiles(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    return {"count": len(values), "p50_ms": round(cuts[49]), "p99_ms": round(cuts[98])}


def live(deployment: Deployment, console: Console, *, rate: float, seed: int, seconds: int | None) -> bool:
    """Runs until Ctrl-C or for `seconds`; prints a summary; returns whether the ledger balances.

    After Ctrl-C the ledger is not waited for long, and Flink is not asked to end the job: it ends with it.

    Args:
        deployment: where to run.
        console: where to print.
        rate: events per second of the shop.
        seed: of the shop.
        seconds: how long the shop is open; None = until Ctrl-C.
    """
    _announce(deployment, console)
    job = deployment.submit()
    beside = [deployment.submit("recommendations")] if deployment.settings.valid_events else []
    for each in (job, *beside):
        deployment.stack.flink.wait_tasks_running(each, 180.0)
    feeder, watch = Feeder(deployment.kafka_properties), Watch(deployment.client, console)
    patience_s = _BALANCE_DEADLINE_S
    with watch.looking():
        try:
            run_shop(
                feeder,
                rate=rate,
                seed=seed,
                seconds=seconds,
                cart_timeout_ms=deployment.settings.cart_timeout_ms,
            )
        except KeyboardInterrupt:
            console.print("closing the shop; Ctrl-C again stops at once")
            patience_s = _LAST_BALANCE_S
        ledger = wait_for_balance(deployment, feeder, patience_s)
    if patience_s == _BALANCE_DEADLINE_S:
        for each in (job, *beside):
            deployment.stack.flink.cancel(each)
    _summarise(deployment, ledger, watch, console)
    return ledger.balanced


def run_shop(feeder: Feeder, *, rate: float, seed: int, seconds: int | None, cart_timeout_ms: int) -> None:
    """Feeds the shop's records at the times they arrive, and heartbeats between them."""
    start_ms = int(time.time() * 1000)
    shop = Shop(seed=seed, events_per_second=rate, start_ms=start_ms, cart_timeout_ms=cart_timeout_ms)
    next_beat_ms: float = start_ms
    for arrival_ms, key, value in shop:
        if seconds is not None and arrival_ms > start_ms + seconds * 1000:
            break
        while (now_ms := time.time() * 1000) < arrival_ms:
            time.sleep(min(arrival_ms - now_ms, 20) / 1000)
            if now_ms >= next_beat_ms:
                _beat(feeder)
                next_beat_ms = now_ms + _BEAT_S * 1000
        feeder.send(value, key.decode() if key else None)
    feeder.flush()


def _beat(feeder: Feeder) -> None:
    # Where nothing else comes, event time stands still until the next heartbeat, and signals wait.
    now_ms = int(time.time() * 1000)
    feeder.heartbeat(now_ms, f"live-{now_ms}")


def wait_for_balance(deployment: Deployment, feeder: Feeder, within_s: float) -> Ledger:
    """Keeps event time going until the ledger covers everything that was fed, or the deadline passes."""
    deadline = time.monotonic() + within_s
    # The books are read beside the beats: what is due meanwhile would wait for them, and be seen late.
    with ThreadPoolExecutor(1) as pool:
        while True:
            for _ in range(10):
                _beat_and_pause(feeder)
            feeder.flush()
            books = pool.submit(_read_books, deployment)
            while not books.done():
                _beat_and_pause(feeder)
            if books.result().balanced or time.monotonic() > deadline:
                feeder.flush()
                return books.result()


def _beat_and_pause(feeder: Feeder) -> None:
    _beat(feeder)
    time.sleep(_BEAT_S)


def _read_books(deployment: Deployment) -> Ledger:
    return read_ledger(deployment.kafka_properties, read_letters(deployment.kafka_properties))


def _summarise(deployment: Deployment, ledger: Ledger, watch: Watch, console: Console) -> None:
    total = ledger.total()
    console.print_json(
        data={
            "events": total.read,
            "valid": total.valid,
            "duplicate": total.duplicate,
            "late": total.late,
            "rejected": dict(total.rejected),
            "signals": watch.summary(),
            "balanced": ledger.balanced,
            "peak_memory_mib": deployment.stack.peak_memory_bytes() // 2**20,
        }
    )


def _announce(deployment: Deployment, console: Console) -> None:
    settings, stack = deployment.settings, deployment.stack
    console.print(f"Flink UI       {stack.flink.rest_url}")
    console.print(f"Elasticsearch  {stack.elasticsearch.url}/{indices.SIGNALS.alias}/_search")
    console.print(f"Kafka          {stack.kafka.bootstrap_servers}")
    console.print(f"logs           {stack.log_dir}")
    console.print(
        f"a cart is abandoned after {settings.cart_timeout_ms / 1000:.0f} s, a session ends after "
        f"{settings.session_gap_ms / 1000:.0f} s (production: 30 min each, see --set)"
    )
