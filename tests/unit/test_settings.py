"""The settings: what wins over what, what is refused and how, what never shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.errors import SettingError
from jobs.command_line import settings_from
from jobs.settings import TABLE, Settings, load
from stack.runs.assignments import arguments

UNITS = ("_ms",)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('session_gap_ms = 1\ncart_timeout_ms = 1\nkafka_group_id = "file"\n')
    return path


def test_the_environment_wins_over_the_file_and_an_assignment_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_CART_TIMEOUT_MS", "2")
    monkeypatch.setenv("FOOTFALL_KAFKA_GROUP_ID", "environment")
    settings = load(file, ["kafka_group_id=assignment"])
    assert (settings.session_gap_ms, settings.cart_timeout_ms, settings.kafka_group_id) == (
        1,
        2,
        "assignment",
    )


def test_an_assignment_may_hold_an_equals_sign() -> None:
    assert load(None, ["kafka_group_id=a=b"]).kafka_group_id == "a=b"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("0", False), ("False", False), ("1", True)])
def test_booleans_come_as_words_or_digits(text: str, value: bool) -> None:
    assert Settings({"bounded": text}).bounded is value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sesion_gap_ms", 1, "unknown setting 'sesion_gap_ms'; known are: kafka_bootstrap_servers"),
        ("session_gap_ms", "long", "session_gap_ms must be int; got 'long'"),
        ("session_gap_ms", 0, "session_gap_ms must be at least 1; got 0"),
        ("bounded", "perhaps", "bounded must be bool; got 'perhaps'"),
        ("start_from", "middle", "start_from must be earliest or latest; got 'middle'"),
        ("ledger_step_ms", 7_000, "ledger_step_ms must divide 300000; got 7000"),
    ],
)
def test_a_refusal_names_the_setting_and_what_came(name: str, value: object, words: str) -> None:
    with pytest.raises(SettingError, match=re.escape(words)):
        Settings({name: value})


def test_an_assignment_without_a_value_is_refused() -> None:
    with pytest.raises(SettingError, match="name=value; got 'bounded'"):
        load(None, ["bounded"])


@pytest.mark.parametrize("text", [None, "session_gap_ms ="])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "absent.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingError, match=re.escape(str(path))):
        load(path)


def test_secrets_neither_show_nor_travel() -> None:
    settings = Settings({"elasticsearch_api_key": "hush", "kafka_group_id": "g"})
    assert "hush" not in repr(settings)
    assert settings.changed() == {"kafka_group_id": "g"}


def test_what_travels_arrives() -> None:
    settings = Settings({"bounded": True, "session_gap_ms": 60_000, "start_from": "latest"})
    assert dict(settings_from(arguments(settings))) == dict(settings)


def test_a_file_that_is_read_on_this_side_travels_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    came = arguments(Settings({"kafka_properties_file": "client.properties"}))
    assert came == ["--set", f"kafka_properties_file={tmp_path / 'client.properties'}"]


def test_replace_leaves_the_rest() -> None:
    settings = Settings({"session_gap_ms": 5})
    assert settings.replace(bounded=True).session_gap_ms == 5
    assert not settings.bounded


def test_an_unknown_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError):
        _ = Settings().session_gap


def test_every_row_has_help_and_every_duration_its_unit() -> None:
    for row in TABLE:
        assert row.help and not row.help.endswith(".")
        assert re.fullmatch("[a-z][a-z0-9_]*", row.name)
        if re.search("gap|timeout|ttl|retry|step|recovery|time_", row.name):
            assert row.name.endswith(UNITS), row.name


def test_a_secret_on_the_command_line_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingError, match="environment") as caught:
        load(None, ["elasticsearch_api_key=hush"])
    assert "hush" not in str(caught.value)
