"""docs/contracts.md says what the code says: its tables are, row by row, what the code would write."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.contracts import events, messages, rejected, sessions, signals, topics, vocabulary
from connectors.contracts.topics import DAY_MS, Topic
from connectors.elasticsearch import indices
from connectors.elasticsearch.indices import Index
from tools import contracts

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs" / "contracts.md"
SCHEMAS = ("event", "signal", "trigger", "session", "exposure", "segment", "rejected")


def topic_row(row: Topic) -> str:
    keeps = row.cleanup if row.retention_ms < 0 else f"{row.cleanup}, {row.retention_ms // DAY_MS} d"
    ends = f"{', '.join(row.writers)} | {', '.join(row.readers)}"
    return f"| `{row.name}` | {row.key} | `{row.value}` | {row.partitions} | {keeps} | {ends} |"


def index_row(index: Index) -> str:
    return f"| `{index.alias}` | `{index.name}` | `{index.contract}` | `{index.id_field}` |"


@pytest.fixture(scope="module")
def doc() -> str:
    return DOC.read_text()


@pytest.mark.parametrize("path", contracts.files(), ids=lambda path: path.name)
def test_what_repeats_the_contracts_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == contracts.files()[path], "run python -m tools.contracts"


def test_every_schema_of_the_folder_is_generated() -> None:
    assert {path for path in contracts.files() if path.suffix == ".json"} == set(contracts.SCHEMAS.iterdir())


def test_a_promise_not_kept_yet_is_marked(doc: str) -> None:
    assert "eserved: not written yet" in contracts.schema("signal")["properties"]["status"]["description"]
    assert "`live_signals` is reserved: not written yet" in doc


def test_every_topic_has_its_row(doc: str) -> None:
    assert [topic_row(row) for row in topics.TOPICS if topic_row(row) not in doc] == []


def test_every_index_has_its_row_and_its_fields(doc: str) -> None:
    for index in indices.INDICES:
        assert index_row(index) in doc
        assert [name for name in index.properties if f"`{name}`" not in doc] == []


def test_every_word_of_the_contracts_is_there(doc: str) -> None:
    words = {
        *vocabulary.EVENT_TYPES,
        vocabulary.HEARTBEAT_TYPE,
        *rejected.REASONS,
        *signals.SIGNAL_STATUSES,
        *sessions.CLOSE_REASONS,
        sessions.CUSTOM_COUNT,
    }
    assert sorted(word for word in words if f"`{word}`" not in doc) == []


def test_the_reasons_stand_in_the_order_of_the_checks(doc: str) -> None:
    positions = [doc.index(f"| `{reason}` |") for reason in rejected.REASONS]
    assert positions == sorted(positions)


def test_every_limit_is_there(doc: str) -> None:
    limits = (
        events.EVENT_ID_MAX_LENGTH,
        events.VISITOR_ID_MAX_LENGTH,
        events.EVENT_TIME_MAX_MS,
        events.SEQUENCE_MAX,
        events.FUTURE_TOLERANCE_MS,
        messages.MAX_EVENT_BYTES,
        messages.MAX_NESTING,
        sessions.GAP_MS,
        sessions.MAX_DURATION_MS,
        sessions.MAX_EVENTS,
    )
    assert [limit for limit in limits if f"{limit:,}" not in doc] == []


def test_every_example_of_the_page_is_valid(doc: str) -> None:
    blocks = doc.split("```json\n")[1:]
    assert blocks
    for block in blocks:
        value = block.split("```")[0].encode()
        assert isinstance(events.validate_event(value), events.Event)


def test_the_page_names_every_schema_file(doc: str) -> None:
    assert [name for name in SCHEMAS if f"connectors/contracts/schemas/{name}.schema.json" not in doc] == []
