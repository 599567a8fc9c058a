"""The settings of every job: one table, overridden by a file, the environment and `--set`, in that order."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.errors import SettingError
from connectors.wording import plainly

Value = str | int | bool


@dataclass(frozen=True)
class Setting:
    """One row of the table; the unit is in the name, the type is the default's."""

    name: str
    default: Value
    help: str
    minimum: int | None = None
    secret: bool = False
    maximum: int | None = None


TABLE: tuple[Setting, ...] = (
    Setting("kafka_bootstrap_servers", "127.0.0.1:9092", "Kafka brokers, host:port, comma separated"),
    Setting(
        "kafka_properties_file", "", "file of further Kafka client properties (TLS, SASL), key=value a line"
    ),
    Setting("kafka_group_id", "footfall", "prefix of the consumer groups; the job's name follows"),
    Setting(
        "foreign_topics",
        "footfall.events.foreign",
        "topics that adapt reads, comma separated; topic=adapter names what is in it, else it is recognised",
    ),
    Setting("start_from", "earliest", "where a job without state starts to read: earliest or latest"),
    Setting("bounded", False, "read up to the offsets found at the start, then end with the final watermark"),
    Setting(
        "out_of_orderness_ms", 2_000, "how far behind the newest event of its partition an event may come", 0
    ),
    Setting(
        "idle_timeout_ms",
        5_000,
        "a partition silent for so long no longer holds the watermark; 0 = it does",
        0,
    ),
    Setting("dedup_ttl_ms", 86_400_000, "how long an event_id is remembered after it was last seen", 1_000),
    Setting("session_gap_ms", 1_800_000, "a gap of more than this starts a new session", 1),
    Setting("session_max_ms", 86_400_000, "a session that lasts so long is closed without a gap", 1),
    Setting("session_max_events", 5_000, "a session of so many events is closed without a gap", 1),
    Setting(
        "visitor_step_ms", 60_000, "a visitor in the index is brought up to date at most so often", 1_000
    ),
    Setting("cart_timeout_ms", 1_800_000, "an add_to_cart with no purchase for so long is an abandonment", 1),
    Setting("cart_recovery_ms", 86_400_000, "a purchase up to so long after the abandonment recovers it", 1),
    Setting("signal_expires_after_ms", 604_800_000, "a signal's expires_at_ms after it occurred", 1),
    Setting("actions_file", "", "YAML file: what is done about which signal; none = the shipped table"),
    Setting(
        "triggers_exactly_once",
        False,
        "write triggers in transactions: no copy ever, but seen only at the next checkpoint",
    ),
    Setting(
        "rule_memory_ms",
        34_560_000_000,
        "how long rules that look back for months remember (orders: the last of a visitor)",
        1,
    ),
    Setting("rules_dir", "", "folder of the active rules (*.yaml); empty = the shipped pack"),
    Setting("scoring", True, "false: no model scores anybody"),
    Setting(
        "model_dir", "", "folder of the models, the same for all workers; empty = those that travel along"
    ),
    Setting(
        "score_every_events", 5, "purchase intent after each so-manieth event of a session; 0 = not so", 0
    ),
    Setting("score_max_events", 100, "purchase intent up to this event of a session, none in the rest", 1),
    Setting("ledger_step_ms", 10_000, "how often an open ledger window is written; divides 300000", 1_000),
    Setting("consent_required", False, "true: only who has said granted last gets through"),
    Setting(
        "visitor_memory_ms",
        7_776_000_000,
        "how long a silent visitor's identity and last word on consent are remembered",
        1_000,
    ),
    Setting("bot_events_per_minute", 300, "more events of a visitor in a minute hold it back; 0 = no cap", 0),
    Setting(
        "bot_events_per_day", 5_000, "more events of a visitor in a day (UTC) hold it back; 0 = no cap", 0
    ),
    Setting(
        "bot_quarantine_ms", 1_800_000, "how long a visitor is held back after the last event over a cap", 1
    ),
    Setting("pseudonymise", False, "true: visitor, anonymous and user ids become keyed hashes at the door"),
    Setting("pseudonym_key_file", "", "file that holds the key of the hash, at least 32 bytes"),
    Setting("pseudonym_key", "", "the key itself; prefer pseudonym_key_file", secret=True),
    Setting("rejected_payloads", True, "false: dead letters name the place of a message, without its bytes"),
    Setting("elasticsearch_url", "http://127.0.0.1:9200", "Elasticsearch nodes, comma separated"),
    Setting("elasticsearch_api_key", "", "API key; prefer elasticsearch_api_key_file", secret=True),
    Setting("elasticsearch_api_key_file", "", "file that holds the API key"),
    Setting("elasticsearch_ca_file", "", "certificate authority of an https cluster"),
    Setting("elasticsearch_timeout_ms", 30_000, "longest wait for one bulk request", 100),
    Setting(
        "index_retry_ms",
        240_000,
        "how long a batch is retried before the job restarts from its checkpoint",
        0,
    ),
    Setting(
        "archive_dir",
        "",
        "folder or URI of the Parquet lake that the suite and archive write; empty = the suite writes none",
    ),
    Setting(
        "bundle_time_ms",
        100,
        "longest wait of a row for a Python operator's batch; a bounded read takes 1000",
        1,
    ),
    Setting(
        "buffer_timeout_ms",
        20,
        "longest wait of a row on the way from task to task; a bounded read takes 100",
        1,
    ),
    Setting(
        "slice_ms",
        200,
        "the engine is handed slices of so much event time; divides 300000 or is a multiple of it",
        1,
        maximum=3_600_000,
    ),
    Setting(
        "buckets",
        32,
        "parts that devices and visitors are split into, the most workers; fixed for the life of a state",
        1,
        maximum=128,
    ),
    Setting(
        "visitors_in_memory",
        100_000,
        "entities that a worker keeps as objects for each operator; others are read back from the state",
        1,
    ),
    Setting(
        "read_parallelism",
        1,
        "readers of the raw topic; more than one need heartbeats in each partition; 0 = parallelism",
        0,
    ),
    Setting("parallelism", 2, "parallel instances of every operator: a Python worker and a core each", 1),
)
_BY_NAME = {row.name: row for row in TABLE}


class Settings(Mapping[str, Value]):
    """The effective settings; attribute access by name. `repr` hides secrets.

    >>> Settings({"session_gap_ms": "1000"}).session_gap_ms
    1000
    >>> "hush" in repr(Settings({"elasticsearch_api_key": "hush"}))
    False
    """

    def __init__(self, overrides: Mapping[str, Any] | None = None) -> None:
        """Checks and converts the overrides.

        Raises:
            SettingError: an unknown name, or a value that does not fit its row.
        """
        unknown = sorted(set(overrides or {}) - set(_BY_NAME))
        if unknown:
            raise SettingError(f"unknown setting {unknown[0]!r}; known are: {', '.join(_BY_NAME)}")
        self._values = {row.name: row.default for row in TABLE}
        self._values.update(
            {name: _convert(_BY_NAME[name], value) for name, value in (overrides or {}).items()}
        )
        _check_together(self)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(name)
        return self._values[name]

    def __repr__(self) -> str:
        shown = {row.name: "***" if row.secret and self[row.name] else self[row.name] for row in TABLE}
        return f"Settings({shown})"

    def replace(self, **changes: Value) -> Settings:
        """A copy with some values changed."""
        return Settings({**self._values, **changes})

    def changed(self) -> dict[str, Value]:
        """The values that differ from the defaults, secrets left out: what may travel on a command line."""
        return {row.name: self[row.name] for row in TABLE if self[row.name] != row.default and not row.secret}


def load(
    path: Path | None = None, assignments: Iterable[str] = (), defaults: Mapping[str, Value] | None = None
) -> Settings:
    """Settings from a TOML file, then FOOTFALL_<NAME> in the environment, then `name=value` assignments.

    Args:
        path: the file, if there is one.
        assignments: what the command line says.
        defaults: values that stand in for those of the table.

    Raises:
        SettingError: a file that cannot be read, an assignment without `=`, or what Settings refuses.
    """
    from_file, assignments = (_from_file(path) if path else {}), list(assignments)
    _refuse_secrets([*from_file, *(text.partition("=")[0] for text in assignments)])
    overrides: dict[str, Any] = {**(defaults or {}), **from_file}
    overrides.update(_from_environment(os.environ))
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"--set takes name=value; got {text!r}")
        overrides[name] = value
    return Settings(overrides)


def _refuse_secrets(names: Iterable[str]) -> None:
    """A secret in a file of settings or on a command line ends in repositories and process lists."""
    for name in names:
        if name in _BY_NAME and _BY_NAME[name].secret:
            raise SettingError(
                f"setting {name} is a secret",
                f"give FOOTFALL_{name.upper()} in the environment of the job "
                f"and its workers, or name a file with {name}_file",
            )


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"settings file {path} cannot be read: {plainly(error)}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    names = {f"FOOTFALL_{row.name.upper()}": row.name for row in TABLE}
    return {names[key]: value for key, value in environment.items() if key in names}


def _convert(row: Setting, value: Any) -> Value:
    try:
        converted = _CONVERTERS[type(row.default)](value)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"setting {row.name} must be {type(row.default).__name__}; got {value!r}"
        ) from error
    if row.minimum is not None and int(converted) < row.minimum:
        raise SettingError(f"setting {row.name} must be at least {row.minimum}; got {value!r}")
    if row.maximum is not None and int(converted) > row.maximum:
        raise SettingError(f"setting {row.name} must be at most {row.maximum}; got {value!r}")
    return converted


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text in ("true", "1")


_CONVERTERS: dict[type, Callable[[Any], Value]] = {bool: _boolean, int: int, str: str}


def _check_together(settings: Settings) -> None:
    if settings["start_from"] not in ("earliest", "latest"):
        raise SettingError(f"setting start_from must be earliest or latest; got {settings['start_from']!r}")
    slice_ms = int(settings["slice_ms"])
    if 300_000 % slice_ms and slice_ms % 300_000:
        raise SettingError(f"setting slice_ms must divide 300000 or be a multiple of it; got {slice_ms!r}")
    if 300_000 % int(settings["ledger_step_ms"]):
        raise SettingError(f"setting ledger_step_ms must divide 300000; got {settings['ledger_step_ms']!r}")
