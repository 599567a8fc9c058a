"""The JSON Schemas, the code and the index mappings say the same thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, ValidationError

from connectors.contracts import events, messages, rejected, sessions, signals, topics
from connectors.contracts.blocks import Context, Order, Product, Source
from connectors.contracts.exposures import Exposure
from connectors.elasticsearch import indices

SCHEMAS = Path(__file__).resolve().parents[2] / "connectors" / "contracts" / "schemas"
MODELS: dict[str, type[BaseModel]] = {
    "signal": signals.Signal,
    "rejected": rejected.Rejected,
    "session": sessions.Session,
    "trigger": signals.Trigger,
    "exposure": Exposure,
}
BLOCKS = {
    "context": Context,
    "product": Product,
    "order": Order,
    "source": Source,
}


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return loaded


def examples(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = schema(name)["examples"]
    return found


def is_valid(name: str, document: object) -> bool:
    validator = jsonschema.Draft202012Validator(schema(name))
    return bool(validator.is_valid(document))


@pytest.mark.parametrize("name", ["event", *MODELS])
def test_a_schema_is_a_schema_and_its_examples_follow_it(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    for example in examples(name):
        jsonschema.Draft202012Validator(schema(name)).validate(example)


@pytest.mark.parametrize("name", MODELS)
def test_the_model_takes_the_examples_and_gives_them_back(name: str) -> None:
    for example in examples(name):
        document = MODELS[name].model_validate(example).to_document()  # type: ignore[attr-defined]
        needed = schema(name)["required"]
        assert document == {
            field: value for field, value in example.items() if value is not None or field in needed
        }
        assert is_valid(name, document)


@pytest.mark.parametrize("name", MODELS)
def test_schema_and_model_refuse_the_same(name: str) -> None:
    for example in examples(name):
        for broken in breakages(example):
            with pytest.raises(ValidationError):
                MODELS[name].model_validate(broken)
            assert not is_valid(name, broken)


def breakages(example: dict[str, Any]) -> list[dict[str, Any]]:
    wrong: dict[type, Any] = {str: 5, int: "5", float: "5", dict: []}
    needed = {"visitor_id", "topic"} & set(example)
    without = [{k: v for k, v in example.items() if k != field} for field in needed]
    other_types = [{**example, k: wrong[type(v)]} for k, v in example.items() if v is not None]
    return [*without, *other_types, {**example, "unknown": 1}]


BOTH_ORIGINS = {"rule": {"name": "r", "version": 1}, "model": examples("signal")[1]["model"]}


@pytest.mark.parametrize("origin", [{}, BOTH_ORIGINS])
def test_a_signal_has_one_origin(origin: dict[str, Any]) -> None:
    bare = {k: v for k, v in examples("signal")[0].items() if k != "rule"}
    assert not is_valid("signal", bare | origin)
    with pytest.raises(ValidationError, match="exactly one of rule and model"):
        signals.Signal.model_validate(bare | origin)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration_ms": 1}, "duration_ms must be"),
        ({"events": 9}, "counts must sum to events=9"),
        ({"counts": {"page_view": 5}}, "missing or unknown"),
    ],
)
def test_a_session_adds_up(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        sessions.Session.model_validate(examples("session")[0] | change)


def test_an_event_may_have_more_than_the_contract_knows_at_every_level() -> None:
    assert "additionalProperties" not in json.dumps(schema("event"))


def test_the_code_takes_the_example_events() -> None:
    for example in examples("event"):
        event = events.validate_event(json.dumps(example).encode())
        assert isinstance(event, events.Event)
        assert event.document == example
        for name, block in BLOCKS.items():
            expected = block(**example[name]) if name in example else None  # type: ignore[arg-type]
            assert getattr(event, name) == expected


def test_ids_in_the_examples_are_what_the_code_makes() -> None:
    session = sessions.Session.model_validate(examples("session")[0])
    assert session.session_id == sessions.session_id(session.visitor_id, session.started_at_ms)
    trigger = signals.Trigger.model_validate(examples("trigger")[0])
    assert trigger.trigger_id == signals.trigger_id(trigger.signal_id, trigger.action, "first")


def test_an_id_is_text_in_utf8_joined_by_newlines() -> None:
    assert sessions.session_id("zoë", 5) == "6d5e067ad962cae625109ab961e5012e"
    assert signals.signal_id("a", "b", "c", "d") != signals.signal_id("a", "b", "cd", "")


def test_the_mappings_have_exactly_the_contracts_fields() -> None:
    assert set(indices.SIGNALS.properties) == set(signals.Signal.model_fields)
    assert set(indices.SESSIONS.properties) == set(sessions.Session.model_fields)
    assert tuple(indices.SESSIONS.properties["counts"]["properties"]) == sessions.COUNT_NAMES
    assert set(indices.SIGNALS.properties["rule"]["properties"]) == set(signals.RuleRef.model_fields)
    assert set(indices.SIGNALS.properties["model"]["properties"]) == set(signals.ModelRef.model_fields)


@pytest.mark.parametrize("index", indices.INDICES, ids=lambda index: index.alias)
def test_an_index_is_strict_versioned_and_has_its_id(index: indices.Index) -> None:
    body = indices.index_template(index, shards=2, replicas=0, refresh_ms=500)["template"]
    assert body["mappings"]["dynamic"] == "strict"
    assert body["mappings"]["_meta"] == {"contract": index.contract, "version": index.version}
    assert body["settings"] == {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "500ms"}
    assert index.id_field in index.properties
    assert index.properties["version"] == {"type": "long"}
    assert all(
        index.properties[name]["type"] == "date" for name in index.properties if name.endswith("_at_ms")
    )


def test_an_alias_moves_in_one_step() -> None:
    actions = indices.cut_over(indices.SIGNALS, previous="footfall-signals-v0")["actions"]
    assert [list(action) for action in actions] == [["remove"], ["add"]]
    assert actions[0]["remove"]["index"] == "footfall-signals-v0"


def test_topics_are_a_table() -> None:
    names = [row.name for row in topics.TOPICS]
    assert len(set(names)) == len(names)
    assert all(name.startswith(topics.PREFIX) for name in names)
    assert all(row.writers and row.readers and row.partitions > 0 for row in topics.TOPICS)
    with pytest.raises(KeyError, match=r"no topic 'events'.*footfall\.ledger"):
        topics.topic("events")


def test_every_value_of_a_topic_is_a_contract() -> None:
    contracts = {name + "/1" for name in ("event", *MODELS)} | {
        "ledger/1",
        "index_failure/1",
        "score/1",
        "alias/1",
        "erasure/1",
        "erasure_order/1",
        "segment/1",
        "features/1",
        "visitor/1",
        "foreign/1",
        "replayed/1",
    }
    assert {row.value for row in topics.TOPICS} == contracts


def test_an_oversized_event_still_fits_the_topics_that_must_carry_it() -> None:
    assert topics.EVENTS_RAW.max_message_bytes > messages.MAX_EVENT_BYTES
    base64_of_largest = topics.EVENTS_RAW.max_message_bytes * 4 // 3
    assert topics.EVENTS_REJECTED.max_message_bytes > base64_of_largest


def test_whatever_becomes_of_the_largest_event_fits_its_topic() -> None:
    """Job and topic count an event's size apart: as text, and as JSON that writes one character as six."""
    own_words = {"ledger", "session", "erasure", "erasure_order", "replayed", "index_failure", "rejected"}
    own_words |= {"exposure", "segment"}
    for row in topics.TOPICS:
        if (
            row.value.partition("/")[0] not in own_words
            and "ingest" not in row.readers
            and row.readers != ("adapt",)
        ):
            assert row.max_message_bytes > 2 * 6 * messages.MAX_EVENT_BYTES, row.name


def test_a_rejected_record_gives_its_bytes_back() -> None:
    source = {
        "topic": "t",
        "partition": 0,
        "offset": 1,
        "timestamp_ms": 2,
        "adapter": "a",
        "job_version": "0",
    }
    verdict = rejected.Reject("not_utf8", None, "why")
    for payload in (b"\xff\x00", b"", None):
        assert rejected.Rejected.of(verdict, payload, **source).payload() == payload
