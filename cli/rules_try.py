"""Scenarios on the compiled SQL: all of them in one job of a Flink inside this process."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from cli import local_flink
from cli.scenarios import Scenario, Telling, stream, tellings
from connectors import topics
from jobs.settings import Settings

Complaint = tuple[Telling, str]


def judge(scenarios: Iterable[Scenario], folder: Path, settings: Settings) -> tuple[int, list[Complaint]]:
    """How many tellings there were, and what was not as expected.

    Args:
        scenarios: what to tell.
        folder: an empty one, for the job's files.
        settings: `rules_dir` names the rules.
    """
    chosen = settings.replace(bounded=True, parallelism=1, scoring=False)
    told = tellings(scenarios)
    messages = folder / "messages.jsonl"
    events = stream(told, chosen.out_of_orderness_ms)
    messages.write_bytes(b"".join(message(event, offset) for offset, event in enumerate(events)))
    rows = local_flink.run(messages, folder, ["signal_documents"], chosen)["signal_documents"]
    signals = [orjson.loads(row["document"]) for row in rows]
    return len(told), [(one, complaint) for one in told for complaint in one.complaints(signals)]


def message(event: dict[str, Any], offset: int) -> bytes:
    """One line of the source: the event and what Kafka would say of its record."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=event["received_at_ms"])
    record = {
        "source_topic": topics.EVENTS_RAW.name,
        "source_partition": 0,
        "source_offset": offset,
        "source_timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    }
    return orjson.dumps({**event, **record}, option=orjson.OPT_APPEND_NEWLINE)
