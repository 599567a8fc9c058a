"""What `scripts/run` sets unless told otherwise; `--set` gives a job's own defaults back."""

from __future__ import annotations

from collections.abc import Mapping

# A demonstration must not take half an hour to show its first abandonment, nor, when closed, ten seconds
# until its ledger covers the last event.
LIVE_SETTINGS: Mapping[str, int] = {
    "cart_timeout_ms": 20_000, "session_gap_ms": 30_000, "ledger_step_ms": 1_000,
}  # fmt: skip
# The index is not asked for visitors while a file is read: what is known of them is written once an hour.
REPLAY_SETTINGS: Mapping[str, int] = {"visitor_step_ms": 3_600_000, "slice_ms": 3_600_000}
# Reading a file again from half a minute before a crash is cheap; copying all state each ten seconds is not.
REPLAY_FLINK: Mapping[str, str] = {"execution.checkpointing.interval": "30 s"}
