"""Mutated messages meet the pure code that runs on workers: whatever comes, it answers and never raises."""

from __future__ import annotations

from itertools import islice

from connectors.adapters import AUTO, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts.events import Event, validate_event
from connectors.contracts.rejected import Reject, Rejected
from state.documents import refused_letter
from state.logic import SourcePosition
from state.options import Options
from tests import fuzz

NOW_MS = 1_700_000_000_000
MESSAGES = list(islice(fuzz.messages(11, lambda: NOW_MS, large=0.003), 4_000))


def test_the_reference_judges_every_message() -> None:
    verdicts = [validate_event(value, NOW_MS) for _, value in MESSAGES]
    assert {one.reason for one in verdicts if isinstance(one, Reject)} >= {
        "oversized", "not_utf8", "not_json", "not_an_object", "unknown_schema", "missing_field", "wrong_type",
        "out_of_range", "future_timestamp",
    }  # fmt: skip
    assert sum(isinstance(one, Event) for one in verdicts) > 1_000


def test_every_message_that_is_no_event_has_a_letter_with_its_bytes() -> None:
    verdicts = [(name, value, validate_event(value, NOW_MS)) for name, value in MESSAGES]
    for number, (name, value, verdict) in enumerate(verdicts):
        if isinstance(verdict, Reject):
            text = refused_letter(
                verdict, value, SourcePosition("footfall.events.raw", 0, number, NOW_MS), Options()
            )
            letter = Rejected.model_validate_json(text)
            assert (letter.payload(), letter.reason) == (value, verdict.reason), name


def test_every_adapter_answers() -> None:
    for number, (_, value) in enumerate(MESSAGES):
        assert list(adapt(value, AUTO, RecordMetadata("t", 0, number, NOW_MS, None)))
