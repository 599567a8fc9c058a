"""A live run: a generated shop feeds the suite; signals are printed as they become searchable."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch
from rich.console import Console

from cli.deploy import Deployment
from cli.feed import Feeder
from cli.ledger import Ledger, read_ledger, read_letters
from cli.shop import Shop
from connectors import indices

# A demonstration must not take half an hour to show its first abandonment; `--set` gives real values back.
LIVE_SETTINGS: Mapping[str, int] = {"cart_timeout_ms": 20_000, "session_gap_ms": 30_000}
_POLL_S = 0.2
# A search costs the machine that it measures: only what may have become searchable since the last one.
_LOOK_BACK_MS = 15_000
_SHOWN = ["signal_id", "kind", "status", "version", "visitor_id", "detected_at_ms"]
_BALANCE_DEADLINE_S = 90.0


@dataclass
class Watch:
    """Polls the signals index and keeps, for each change of a signal, how late it became searchable.

    Latency is from the change's own event time: the cart's due time for an abandonment, the purchase for a
    recovery; in milliseconds, up to the moment a search shows it.
    """

    client: Elasticsearch
    console: Console
    seen: set[tuple[str, int]] = field(default_factory=set)
    latencies_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    newest_ms: int = 0

    def poll(self) -> None:
        """Looks once for changes that are new."""
        for signal in self._changes():
            now_ms, change = time.time() * 1000, (signal["signal_id"], signal["version"])
            if change in self.seen:
                continue
            self.seen.add(change)
            self.newest_ms = max(self.newest_ms, signal["detected_at_ms"])
            name = f"{signal['kind']}/{signal['status']}"
            self.latencies_ms[name].append(now_ms - signal["version"])
            self.console.print(
                f"{name:<26} visitor {signal['visitor_id']:<18} {self.latencies_ms[name][-1]:6.0f} ms"
            )

    def _changes(self) -> list[dict[str, Any]]:
        response = self.client.search(
            index=indices.SIGNALS.alias,
            query={"range": {"detected_at_ms": {"gte": self.newest_ms - _LOOK_BACK_MS}}},
            size=1_000,
            sort=[{"detected_at_ms": "desc"}],
            source_includes=_SHOWN,
        )
        found: list[dict[str, Any]] = [hit["_source"] for hit in response["hits"]["hits"]]
        return found[::-1]

    def summary(self) -> dict[str, dict[str, float]]:
        """Count and latency percentiles by kind and status, milliseconds."""
        return {name: _percentiles(values) for name, values in sorted(self.latencies_ms.items())}


def _percentiles(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    return {"count": len(values), "p50_ms": round(cuts[49]), "p99_ms": round(cuts[98])}


def live(deployment: Deployment, console: Console, *, rate: float, seed: int, seconds: int | None) -> bool:
    """Runs until Ctrl-C or for `seconds`; prints a summary; returns whether the ledger balances.

    Args:
        deployment: where to run.
        console: where to print.
        rate: events per second of the shop.
        seed: of the shop.
        seconds: how long the shop is open; None = until Ctrl-C.
    """
    _announce(deployment, console)
    job = deployment.submit()
    deployment.stack.flink.wait_tasks_running(job, 180.0)
    feeder, watch = Feeder(deployment.kafka_properties), Watch(deployment.client, console)
    try:
        run_shop(
            feeder,
            watch,
            rate=rate,
            seed=seed,
            seconds=seconds,
            cart_timeout_ms=deployment.settings.cart_timeout_ms,
        )
    except KeyboardInterrupt:
        console.print("closing the shop; Ctrl-C again stops at once")
    ledger = wait_for_balance(deployment, feeder, watch)
    deployment.stack.flink.cancel(job)
    _summarise(deployment, ledger, watch, console)
    return ledger.balanced


def run_shop(
    feeder: Feeder, watch: Watch, *, rate: float, seed: int, seconds: int | None, cart_timeout_ms: int
) -> None:
    """Feeds the shop's records at the times they arrive, heartbeats between them, and keeps watching."""
    start_ms = int(time.time() * 1000)
    shop = Shop(seed=seed, events_per_second=rate, start_ms=start_ms, cart_timeout_ms=cart_timeout_ms)
    next_tick_ms = start_ms
    for arrival_ms, key, value in shop:
        if seconds is not None and arrival_ms > start_ms + seconds * 1000:
            break
        while (now_ms := time.time() * 1000) < arrival_ms:
            time.sleep(min(arrival_ms - now_ms, 20) / 1000)
            next_tick_ms = _tick(feeder, watch, next_tick_ms)
        feeder.send(value, key.decode() if key else None)
    feeder.flush()


def _tick(feeder: Feeder, watch: Watch, due_ms: int) -> int:
    now_ms = int(time.time() * 1000)
    if now_ms < due_ms:
        return due_ms
    _beat(feeder, watch, now_ms)
    return now_ms + int(_POLL_S * 1000)


def _beat(feeder: Feeder, watch: Watch, now_ms: int) -> None:
    # Where nothing else comes, event time stands still until the next heartbeat, and signals wait.
    feeder.heartbeat(now_ms, f"live-{now_ms}")
    watch.poll()


def wait_for_balance(deployment: Deployment, feeder: Feeder, watch: Watch) -> Ledger:
    """Keeps event time going until the ledger covers everything that was fed, or the deadline passes."""
    deadline = time.monotonic() + _BALANCE_DEADLINE_S
    # The books are read beside the beats: what is due meanwhile would wait for them, and be seen late.
    with ThreadPoolExecutor(1) as pool:
        while True:
            for _ in range(10):
                _beat_and_pause(feeder, watch)
            feeder.flush()
            books = pool.submit(_read_books, deployment)
            while not books.done():
                _beat_and_pause(feeder, watch)
            if books.result().balanced or time.monotonic() > deadline:
                feeder.flush()
                return books.result()


def _beat_and_pause(feeder: Feeder, watch: Watch) -> None:
    _beat(feeder, watch, int(time.time() * 1000))
    time.sleep(_POLL_S)


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
