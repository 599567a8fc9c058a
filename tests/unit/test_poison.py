"""Every kind of poison is what it says, and the reference validation says what the table says."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from connectors.contracts.events import Event, validate_event
from connectors.contracts.rejected import REASONS, Reject
from stack.shop import poison
from tests import datasets

NOW_MS = 1_700_000_000_000
ROUND = dict(islice(poison.poison(1, NOW_MS), len(poison.POISON)))


@pytest.mark.parametrize("kind", poison.KINDS)
def test_the_reference_says_what_the_table_says(kind: str) -> None:
    found = validate_event(ROUND[kind], NOW_MS)
    assert (found.reason if isinstance(found, Reject) else None) == poison.KINDS[kind].reason


def test_a_round_has_every_kind_once() -> None:
    assert set(ROUND) == set(poison.KINDS)
    assert len(poison.KINDS) == len(poison.POISON)


def test_every_reason_of_the_message_itself_has_a_kind() -> None:
    elsewhere = {"oversized", "no_consent", "bot_quarantined"}
    assert {row.reason for row in poison.POISON} == set(REASONS) - elsewhere | {None}


def test_the_same_seed_gives_the_same_messages() -> None:
    first, second, other = (list(islice(poison.poison(seed, NOW_MS), 100)) for seed in (7, 7, 8))
    assert first == second != other


def test_lines_are_lines_and_all_refused_at_any_time() -> None:
    lines = list(poison.line_poison(3, 200))
    assert len(lines) == 200
    for kind, line in lines:
        assert line
        assert b"\n" not in line
        assert isinstance(validate_event(line, 2 * NOW_MS), Reject), kind


def test_a_written_stream_counts_its_poison_and_duplicates(tmp_path: Path) -> None:
    arguments = {"shuffle_within_ms": 1_500, "duplicate_share": 0.1, "poison_share": 0.05, "seed": 5}
    out = tmp_path / "events.jsonl"
    counts = datasets.write_canonical("rees46_0000_0214", out, **arguments)  # type: ignore[arg-type]
    lines = out.read_bytes().splitlines()
    assert len(lines) == counts.lines
    assert counts.poison.total() == 62
    accepted = [line for line in lines if isinstance(validate_event(line, NOW_MS), Event)]
    assert len(set(accepted)) == counts.events == 1_233
    assert len(accepted) == counts.events + counts.duplicates
    datasets.write_canonical("rees46_0000_0214", tmp_path / "again.jsonl", **arguments)  # type: ignore[arg-type]
    assert (tmp_path / "again.jsonl").read_bytes() == out.read_bytes()
