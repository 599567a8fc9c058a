"""What a receipt says of what stays, and what a check asks for."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cli import erase
from connectors.contracts import topics
from connectors.elasticsearch import indices
from jobs.offline.erasing import VISITOR_FIELDS, Family, Receipt, expiries, quiet_ms, visitors_query
from jobs.settings import Settings

RECEIPT = Receipt("u", ["u", "d"], [], 1_000, 2_000)


def test_every_index_that_names_visitors_is_swept() -> None:
    naming = {
        index.alias: {"visitor_id", "anonymous_id"} & set(index.properties) for index in indices.INDICES
    }
    assert {alias: set(names) for alias, names in VISITOR_FIELDS.items()} == {
        alias: names for alias, names in naming.items() if names
    }


def test_the_receipt_names_every_topic_with_visitors_and_when_its_records_end() -> None:
    until = {row["where"]: row["by_ms"] for row in expiries(Settings(), RECEIPT)}
    for row in topics.TOPICS:
        kept = row.holds_visitors and row.cleanup == "delete"
        assert until.get(f"topic {row.name}") == (1_000 + row.retention_ms if kept else None)


def test_a_topic_that_keeps_visitors_for_ever_gets_tombstones() -> None:
    assert [row for row in topics.TOPICS if row.holds_visitors and "compact" in row.cleanup] == [
        topics.SEGMENTS,
        topics.ALIASES,
    ]


@pytest.mark.parametrize(("gap_ms", "cart_ms"), [(1_800_000, 60_000), (60_000, 1_800_000)])
def test_it_is_quiet_for_as_long_as_anything_is_pending(gap_ms: int, cart_ms: int) -> None:
    settings = Settings(session_gap_ms=gap_ms, cart_timeout_ms=cart_ms)
    assert quiet_ms(settings) > 1_800_000 + settings.out_of_orderness_ms


def test_aliases_are_found_by_both_ids() -> None:
    (user, device) = visitors_query("footfall-aliases", ["v"])["bool"]["should"]
    assert (user, device) == ({"terms": {"visitor_id": ["v"]}}, {"terms": {"anonymous_id": ["v"]}})


def test_a_family_is_all_its_ids() -> None:
    assert Family(("u", "d"), ("kiosk",)).all == ("u", "d", "kiosk")


def test_without_elasticsearch_the_command_says_what_to_do() -> None:
    settings = ["--set", "elasticsearch_url=http://127.0.0.1:1", "--set", "elasticsearch_timeout_ms=100"]
    answer = CliRunner().invoke(erase.main, ["--check", "v", *settings])
    assert answer.exit_code == 1
    assert "check elasticsearch_url" in answer.output


def test_a_key_that_is_missing_is_named() -> None:
    answer = CliRunner().invoke(erase.main, ["v", "--set", "pseudonymise=true"], env={})
    assert answer.exit_code == 2
    assert "FOOTFALL_PSEUDONYM_KEY" in answer.output
