"""A bounded run: a file through the real broker, the real cluster and the real index, then the dump."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.files.arrivals import Arrivals, Line, look_at, received
from connectors.flink.rest import FlinkRest
from connectors.lake import reading as lake
from jobs.offline.foreign_ledger import foreign_ledger, source_of
from jobs.offline.ledger import Ledger, read_ledger, read_letters
from stack.console import progress
from stack.runs.deploy import Deployment
from stack.runs.dump import documents, write_document, write_lines
from stack.runs.feed import Feeder
from stack.runs.foreign import feed_foreign
from stack.runs.gate import Gate

CANONICAL = "canonical"
_START_DEADLINE_S, _JOB_DEADLINE_S = 300.0, 3_600.0
_UPDATE_EVERY = 1_000  # lines


def replay(
    deployment: Deployment, file: Path, target: Path, console: Console, adapter: str = CANONICAL
) -> bool:
    """Feeds the file, runs the suite to its end, writes the dump; returns whether the ledger balances.

    Args:
        deployment: where to run.
        file: JSON lines for the canonical adapter, see `stack.runs.foreign.messages_of` for the others.
        target: folder of the dump.
        console: for words.
        adapter: canonical events go to ingest as they are, all others through the job `adapt` first.

    Raises:
        BadInput: the file cannot be read.
        StackError: the job fails.
    """
    gate = Gate(deployment.kafka_properties, topics.EVENTS_RAW)
    if adapter != CANONICAL:
        feeder = adapt_file(deployment, file, adapter, console)
    else:
        feeder = (feed_lake if file.is_dir() else feed_file)(deployment, file, console, taken=1)
    deployment.settings = deployment.settings.replace(read_until_ms=feeder.newest_ms)
    times = run_to_the_end(deployment, gate, console, feeder.written)
    if deployment.settings.valid_events:
        recommend(deployment, target, console, feeder.written)
    return dump(deployment, feeder, target, times, console, adapter)


def recommend(deployment: Deployment, target: Path, console: Console, records: int) -> None:
    """Runs the job `recommendations` over the valid events that the suite has written; items to items.jsonl.

    Raises:
        StackError: the job fails.
    """
    job = deployment.submit("recommendations")
    wait_for_the_end(deployment.stack.flink, job, "what goes with what", records, console)
    items = documents(deployment.client, indices.ITEMS.alias)
    write_lines(target / "items.jsonl", sorted(items, key=lambda row: str(row["item_id"])))


def adapt_file(deployment: Deployment, file: Path, adapter: str, console: Console) -> Feeder:
    """Feeds the file to the job `adapt` and waits until that has written the events, in order of time.

    Raises:
        BadInput: the file cannot be read.
        StackError: the job fails.
    """
    feeder, flink = feed_foreign(deployment.kafka_properties, file, adapter), deployment.stack.flink
    console.print(f"fed {feeder.written:,} messages of {file.name} to adapter {adapter}")
    began = time.monotonic()
    wait_for_the_end(flink, deployment.submit("adapt"), "adapting", feeder.written, console)
    console.print(f"adapted after {time.monotonic() - began:.1f} s")
    end = Feeder(deployment.kafka_properties)
    end.heartbeat(0, "end-of-file")
    end.flush()
    return feeder


def feed_file(deployment: Deployment, file: Path, console: Console, taken: int = 0) -> Feeder:
    """Writes every line to the raw topic, and last a heartbeat that ends each partition.

    A record's timestamp is the line's received_at_ms; a line without one has its predecessor's. Lines of a
    file in which none has any are put in order of time (connectors/files/arrivals.py). `taken` is how many
    records each partition holds already: a gate's one.
    """
    feeder, clock = Feeder(deployment.kafka_properties, taken=taken), ReplayClock()
    arrivals = Arrivals.of(file)
    with progress(console, f"feeding {file.name}", arrivals.count()) as update:
        for fed, (number, line) in enumerate(arrivals.lines(), 1):
            seen = look_at(line)
            feeder.send(line, seen.key, number, clock.timestamp_ms(seen))
            if fed % _UPDATE_EVERY == 0:
                update(fed)
    if arrivals.is_history:
        console.print(
            f"no line of {file.name} says when it came in: put in order of time, in which "
            f"{arrivals.out_of_order:,} of its lines were not"
        )
    feeder.newest_ms = clock.newest_ms
    feeder.heartbeat(clock.newest_ms, "end-of-file", clock.received_ms)
    feeder.flush()
    console.print(f"fed {feeder.written:,} records of {file.name}")
    return feeder


def feed_lake(deployment: Deployment, folder: Path, console: Console, taken: int = 0) -> Feeder:
    """Writes every event of a lake to the raw topic, each with the timestamp that its record once had.

    They come in the order of event time, so that none is late in whatever order they first came.
    """
    feeder, last = Feeder(deployment.kafka_properties, taken=taken), None
    with progress(console, f"feeding the lake {folder}", None) as update:
        for number, last in enumerate(lake.messages(folder), 1):
            feeder.send(last.value, last.key, number, last.timestamp_ms)
            if number % _UPDATE_EVERY == 0:
                update(number)
    if last:
        feeder.newest_ms = last.event_time_ms
        feeder.heartbeat(last.event_time_ms, "end-of-lake", last.timestamp_ms)
    feeder.flush()
    console.print(f"fed {feeder.written:,} records of the lake {folder}")
    return feeder


@dataclass
class ReplayClock:
    """The times of a replay: when the last line came in, and the newest event time that ingest will accept.

    >>> clock = ReplayClock()
    >>> clock.timestamp_ms(Line("v", 1_470_000_000_000, 1_470_000_000_500))
    1470000000500
    >>> clock.timestamp_ms(Line(None, 0, 0))
    1470000000500
    """

    received_ms: int = 0
    newest_ms: int = 0

    def timestamp_ms(self, line: Line) -> int:
        """Timestamp for the line's record; 0 = now, as long as no line has told when it came in."""
        now_ms = time.time() * 1000
        self.received_ms = received(line) or self.received_ms
        if line.event_time_ms <= (self.received_ms or now_ms):
            self.newest_ms = max(self.newest_ms, line.event_time_ms)
        return self.received_ms


def run_to_the_end(deployment: Deployment, gate: Gate, console: Console, records: int) -> dict[str, float]:
    """Submits the bounded suite, opens the gate when all of it runs, waits for its end.

    `records` is how many there are to read, about.

    Returns:
        `seconds`, from the submission; `seconds_after_start`, from when the first event could flow.
    """
    began = time.time()
    job = deployment.submit()
    flink = deployment.stack.flink
    console.print(f"suite submitted after {time.time() - began:.1f} s: {flink.rest_url}/#/job/{job}/overview")
    flink.wait_tasks_running(job, _START_DEADLINE_S)
    opened = gate.open() or began
    wait_for_the_end(flink, job, "reading", records, console)
    ended = flink.ended_at_ms(job) / 1000
    return {"seconds": round(ended - began, 3), "seconds_after_start": round(ended - opened, 3)}


def wait_for_the_end(flink: FlinkRest, job: str, what: str, records: int, console: Console) -> None:
    """Waits until a bounded job has finished, and shows how far it has read.

    Raises:
        StackError: it fails, or takes longer than an hour.
    """
    with progress(console, what, records) as update:
        flink.wait_job(
            job, {"FINISHED"}, _JOB_DEADLINE_S, lambda: update(min(flink.records_read(job), records))
        )


def dump(
    deployment: Deployment,
    feeder: Feeder,
    target: Path,
    times: dict[str, float],
    console: Console,
    adapter: str = CANONICAL,
) -> bool:
    """Writes signals, sessions, rejected, ledger and summary; returns whether the ledger balances."""
    letters = read_letters(deployment.kafka_properties)
    ledger = read_ledger(deployment.kafka_properties, letters)
    if adapter != CANONICAL:
        ledger.foreign = foreign_ledger(deployment.kafka_properties, letters)
    signals = documents(deployment.client, indices.SIGNALS.alias)
    sessions = documents(deployment.client, indices.SESSIONS.alias)
    write_lines(
        target / "signals.jsonl", sorted(signals, key=lambda row: (row["occurred_at_ms"], row["signal_id"]))
    )
    write_lines(
        target / "sessions.jsonl", sorted(sessions, key=lambda row: (row["started_at_ms"], row["session_id"]))
    )
    write_lines(target / "rejected.jsonl", _in_order(letters, feeder))
    write_document(target / "ledger.json", ledger.to_document())
    summary = summarise(ledger, signals, len(sessions), times, deployment)
    write_document(target / "summary.json", summary)
    console.print_json(data=summary)
    return ledger.balanced


def _in_order(letters: dict[str, dict[str, Any]], feeder: Feeder) -> list[dict[str, Any]]:
    """Letters with the line of the file that they are of, in the order of the file."""
    found = _with_lines(letters, feeder)
    return sorted(found, key=lambda row: (row["line"] is None, row["line"] or 0, row.get("index") or 0))


def _with_lines(letters: dict[str, dict[str, Any]], feeder: Feeder) -> Iterator[dict[str, Any]]:
    for letter in letters.values():
        source = source_of(base64.b64decode(letter["payload_base64"] or "")) or letter
        at_door = letter["topic"] == "file"
        line = letter["offset"] if at_door else feeder.line_of(source["partition"], source["offset"])
        yield {**letter, "line": line}


def summarise(
    ledger: Ledger,
    signals: list[dict[str, Any]],
    sessions: int,
    times: dict[str, float],
    deployment: Deployment,
) -> dict[str, Any]:
    """The document of summary.json; `events` counts every message, start-up is not in the rate."""
    total = ledger.total()
    events = total.read
    seconds = max(times["seconds_after_start"], 0.001)
    return {
        "events": events,
        "valid": total.valid,
        "duplicate": total.duplicate,
        "late": total.late,
        "rejected": total.rejected.total(),
        "sessions": sessions,
        "signals": dict(Counter(f"{row['kind']}/{row['status']}" for row in signals)),
        "balanced": ledger.balanced,
        **times,
        "events_per_second": round(events / seconds, 1),
        "peak_memory_mib": deployment.stack.peak_memory_bytes() // 2**20,
    }
