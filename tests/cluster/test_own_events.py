"""The replay of the tutorial "your own events", as its reader runs it: one process, its own servers, a dump."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from stack.package import ROOT
from tests.cluster.conftest import read_lines
from tests.walkthrough import Command, Written, steps, write

PAGE = "docs/tutorials/your-own-events.md"
_DEADLINE_S = 300


def test_the_replay_gives_what_the_page_says(tmp_path: Path) -> None:
    for step in steps(PAGE):
        if isinstance(step, Written):
            write(step, tmp_path)
    (run,) = [step.words for step in steps(PAGE) if isinstance(step, Command)]
    assert run[0] == "scripts/run"
    command = [sys.executable, "-m", "cli.run", *(_in(tmp_path, word) for word in run[1:])]
    subprocess.run([*command, "--workdir", str(tmp_path / "run")], cwd=ROOT, check=True, timeout=_DEADLINE_S)
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text("utf-8"))
    assert (ledger["foreign"]["messages"], ledger["foreign"]["unaccounted"]) == (4, 0)
    assert ledger["balanced"] and ledger["valid"] == 3
    (refused,) = read_lines(tmp_path / "out" / "rejected.jsonl")
    assert (refused["reason"], refused["field"], refused["line"]) == ("missing_field", "timestamp", 4)
    (cart,) = [
        one for one in read_lines(tmp_path / "out" / "signals.jsonl") if one["kind"] == "cart_abandoned"
    ]
    assert (cart["visitor_id"], cart["evidence"]["value"]) == ("anna", 39.8)
    assert len(read_lines(tmp_path / "out" / "sessions.jsonl")) == 2


def _in(folder: Path, word: str) -> str:
    """A file of the page in the folder; options and names of adapters as they are."""
    return str(folder / word) if word == "out" or word.endswith(".jsonl") else word
