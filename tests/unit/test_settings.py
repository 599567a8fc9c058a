"""The settings: what wins over what, what is refused and how, what never shows."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from connectors.errors import SettingError
from connectors.kafka.ends import KafkaEnds, read_properties
from jobs.command_line import settings_from
from jobs.settings import GROUPS, EngineSettings, Settings, load
from services.settings import ApiSettings, CollectorSettings
from stack.runs.assignments import arguments
from stack.runs.run_settings import LIVE_SETTINGS, REPLAY_SETTINGS
from state.options import Options

UNITS = ("_ms",)
SECRETS = ("pseudonym_key", "elasticsearch_api_key")


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
    settings = load(file, ["kafka_group_id=assignment"], {"session_gap_ms": 9, "session_max_ms": 9})
    assert (settings.session_gap_ms, settings.session_max_ms) == (1, 9)
    assert (settings.cart_timeout_ms, settings.kafka_group_id) == (2, "assignment")


def test_the_environment_changes_no_settings_that_are_made_in_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_SESSION_GAP_MS", "7")
    assert Settings().session_gap_ms == 1_800_000
    assert load().session_gap_ms == 7


def test_an_assignment_may_hold_an_equals_sign() -> None:
    assert load(None, ["kafka_group_id=a=b"]).kafka_group_id == "a=b"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("0", False), ("False", False), ("1", True)])
def test_booleans_come_as_words_or_digits(text: str, value: bool) -> None:
    assert Settings.of({"bounded": text}).bounded is value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sesion_gap_ms", 1, "unknown setting 'sesion_gap_ms'; the nearest is session_gap_ms"),
        ("zzz", 1, "unknown setting 'zzz'; docs/settings.md lists all"),
        ("session_gap_ms", "long", "session_gap_ms must be a whole number, at least 1; got 'long'"),
        ("session_gap_ms", 0, "session_gap_ms must be a whole number, at least 1; got 0"),
        ("session_gap_ms", 2.5, "session_gap_ms must be a whole number, at least 1; got 2.5"),
        ("buckets", 129, "buckets must be a whole number, at least 1, at most 128; got 129"),
        ("bounded", "perhaps", "bounded must be true or false; got 'perhaps'"),
        ("start_from", "middle", "start_from must be earliest or latest; got 'middle'"),
        ("ledger_step_ms", 7_000, "ledger_step_ms must divide 300000; got 7000"),
        ("slice_ms", 7, "slice_ms must divide 300000 or be a multiple of it; got 7"),
    ],
)
def test_a_refusal_names_the_setting_what_was_required_and_what_came(
    name: str, value: object, words: str
) -> None:
    with pytest.raises(SettingError, match=re.escape(words)):
        Settings.of({name: value})
    with pytest.raises(SettingError, match=re.escape(words)):
        Settings().replace(**{name: value})  # type: ignore[arg-type]


def test_a_refusal_says_where_the_value_came_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match=re.escape("got '0' (--set slice_ms)")):
        load(file, ["slice_ms=0"])
    with pytest.raises(
        SettingError, match=re.escape("'sllice_ms' (--set sllice_ms); the nearest is slice_ms")
    ):
        load(file, ["sllice_ms=0"])
    monkeypatch.setenv("FOOTFALL_BUCKETS", "many")
    with pytest.raises(SettingError, match=re.escape("got 'many' (environment variable FOOTFALL_BUCKETS)")):
        load(file)
    monkeypatch.delenv("FOOTFALL_BUCKETS")
    file.write_text("session_gap_ms = -1\nslice = 5\n")
    with pytest.raises(SettingError) as caught:
        load(file)
    assert f"got -1 (file {file})" in str(caught.value)
    assert f"unknown setting 'slice' (file {file}); the nearest is slice_ms" in str(caught.value)
    with pytest.raises(SettingError, match="the command's own default"):
        load(None, [], {"buckets": 0})


def test_what_another_source_overrides_is_not_refused() -> None:
    assert load(None, ["buckets=1"], {"buckets": 0}).buckets == 1


def test_a_misspelt_variable_is_refused_and_an_unrelated_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VENV", "PYTHON", "ROOT", "TEST_DATA", "TEST_CASES", "CHAOS", "CACHE_DIR", "JAVA_HOME"):
        monkeypatch.setenv(f"FOOTFALL_{name}", "x")
    for name in ("BENCH_MEMORY", "BENCH_VISITORS", "FUZZ_MESSAGES", "REAL_EVENTS", "HISTORY", "VISITOR"):
        monkeypatch.setenv(f"FOOTFALL_{name}", "x")
    assert load() == Settings()
    monkeypatch.setenv("FOOTFALL_SESION_GAP_MS", "5")
    with pytest.raises(SettingError, match="variable FOOTFALL_SESION_GAP_MS.*the nearest is session_gap_ms"):
        load()


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


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_come_from_the_environment_and_neither_show_nor_travel(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"FOOTFALL_{name.upper()}", "hush")
    settings = load(None, ["kafka_group_id=g"])
    assert getattr(settings, name).get_secret_value() == "hush"
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().warning("settings: %s %r", settings, settings)
    shown = [repr(settings), str(settings), str(dict(settings)), settings.model_dump_json(), caplog.text]
    assert not any("hush" in text for text in shown)
    assert settings.changed() == {"kafka_group_id": "g"}
    assert arguments(settings) == ["--set", "kafka_group_id=g"]
    assert name not in settings.numbers()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_elsewhere_is_refused_without_being_shown(name: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'{name} = "hush"\n')
    for path, assignments in ((None, [f"{name}=hush"]), (file, list[str]())):
        with pytest.raises(SettingError, match=f"FOOTFALL_{name.upper()} in the environment") as caught:
            load(path, assignments)
        assert "hush" not in str(caught.value)


def test_no_refusal_shows_a_secret() -> None:
    for values in ({"pseudonym_key": ["hush"]}, {"pseudonym_kye": "hush"}):
        with pytest.raises(SettingError, match="pseudonym_k") as caught:
            Settings.of(values)
        assert "hush" not in str(caught.value)


def test_what_travels_arrives() -> None:
    settings = Settings(bounded=True, session_gap_ms=60_000, start_from="latest")
    assert settings_from(arguments(settings)) == settings


def test_a_file_that_is_read_on_this_side_travels_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    came = arguments(Settings(kafka_properties_file="client.properties"))
    assert came == ["--set", f"kafka_properties_file={tmp_path / 'client.properties'}"]


def test_replace_leaves_the_rest() -> None:
    settings = Settings(session_gap_ms=5, elasticsearch_api_key=SecretStr("hush"))
    changed = settings.replace(bounded=True)
    assert (changed.session_gap_ms, changed.elasticsearch_api_key) == (5, settings.elasticsearch_api_key)
    assert not settings.bounded


def test_a_misspelt_setting_in_code_fails() -> None:
    """Each `type: ignore` is needed, says mypy (it warns of unused ones): type checking refuses it, too."""
    with pytest.raises(AttributeError):
        _ = Settings().sesion_gap_ms  # type: ignore[attr-defined]
    with pytest.raises(ValidationError):
        Settings(sesion_gap_ms=5)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Settings(session_gap_ms="long")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Settings().session_gap_ms = 5


def test_the_engine_takes_its_own_settings_over() -> None:
    options = Options.of(Settings(cart_timeout_ms=7, bounded=True), ["signal"], "9")
    assert (options.cart_timeout_ms, options.bounded) == (7, True)
    assert (options.emits, options.job_version) == (frozenset({"signal"}), "9")
    assert Options.of(Settings()) == Options()
    assert Options.of_settings() == list(EngineSettings.model_fields)


def test_every_setting_stands_in_one_group_with_help_and_its_unit() -> None:
    fields = [(name, field) for group in GROUPS for name, field in group.model_fields.items()]
    assert sorted(name for name, _ in fields) == sorted(Settings.model_fields)
    for name, field in fields:
        assert field.description and not field.description.endswith(".")
        assert re.fullmatch("[a-z][a-z0-9_]*", name)
        if re.search("gap|timeout|ttl|retry|step|recovery|time_", name):
            assert name.endswith(UNITS), name


@pytest.mark.parametrize("defaults", [LIVE_SETTINGS, REPLAY_SETTINGS])
def test_the_defaults_of_run_are_settings(defaults: dict[str, int]) -> None:
    assert Settings.of(defaults).changed() == defaults


def test_the_variables_of_the_services_are_no_misspelt_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {*CollectorSettings.model_fields, *ApiSettings.model_fields} - set(Settings.model_fields):
        monkeypatch.setenv(f"FOOTFALL_{name.upper()}", "x")
    assert load() == Settings()


def test_kafkas_properties_take_secrets_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text('# a comment\nsasl.username=me\nflink.a="${env:WORD_A}" ${env:WORD_B}\n')
    monkeypatch.setenv("WORD_A", "one=1")
    monkeypatch.delenv("WORD_B", raising=False)
    with pytest.raises(SettingError, match=r"kafka.properties:3: environment variable WORD_B"):
        read_properties(str(path))
    monkeypatch.setenv("WORD_B", "two")
    assert read_properties(str(path)) == {"sasl.username": "me", "flink.a": '"one=1" two'}
    ends = KafkaEnds("a:9092", "group", properties=read_properties(str(path)))
    assert "one=1" not in repr(ends)


def test_a_line_of_kafkas_properties_that_is_none_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text("a=b\nthe-password\n")
    with pytest.raises(SettingError, match="kafka.properties:2: key=value is required") as error:
        read_properties(str(path))
    assert "the-password" not in str(error.value)
