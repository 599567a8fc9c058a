"""The settings of every job: typed, composed of a small class for each concern.

A file, the environment and `--set` override the defaults, in that order: `load`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from connectors.errors import SettingError
from connectors.wording import plainly
from jobs.setting_errors import VARIABLES, Source, refusal, unknown
from state.items.options import ItemOptions, Rank
from state.options import Options

Value = str | int | bool
LEDGER_WINDOW_MS = 300_000
_NEARLY = 0.85  # so like a setting's name is a variable that was meant to be one


def _divides_the_window(value: int) -> int:
    if LEDGER_WINDOW_MS % value:
        raise ValueError(f"must divide {LEDGER_WINDOW_MS}")
    return value


def _fits_the_window(value: int) -> int:
    if LEDGER_WINDOW_MS % value and value % LEDGER_WINDOW_MS:
        raise ValueError(f"must divide {LEDGER_WINDOW_MS} or be a multiple of it")
    return value


NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
ASecondOrMore = Annotated[int, Field(ge=1_000)]


class SettingsGroup(BaseModel):
    """Settings of one concern; a field's name carries its unit, the text below it is its help."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )


class KafkaSettings(SettingsGroup):
    """Kafka."""

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    """Kafka brokers, host:port, comma separated"""
    kafka_properties_file: str = ""
    """file of further Kafka client properties (TLS, SASL), key=value a line"""
    kafka_group_id: str = "footfall"
    """prefix of the consumer groups; the job's name follows"""
    foreign_topics: str = "footfall.events.foreign"
    """topics that adapt reads, comma separated; topic=adapter names what is in it, else it is recognised"""


class ReadSettings(SettingsGroup):
    """Reading and event time."""

    start_from: Literal["earliest", "latest"] = "earliest"
    """where a job without state starts to read: earliest or latest"""
    out_of_orderness_ms: NotNegative = 2_000
    """how far behind the newest event of its partition an event may come"""
    idle_timeout_ms: NotNegative = 5_000
    """a partition silent for so long no longer holds the watermark; 0 = it does"""
    read_parallelism: NotNegative = 1
    """readers of the raw topic; more than one need heartbeats in each partition; 0 = parallelism"""
    ledger_step_ms: Annotated[int, Field(ge=1_000), AfterValidator(_divides_the_window)] = 10_000
    """how often an open ledger window is written; divides 300000"""


class EngineSettings(SettingsGroup):
    """The engine."""

    bounded: bool = Options.bounded
    """read up to the offsets found at the start, then end with the final watermark"""
    read_until_ms: NotNegative = Options.read_until_ms
    """event time at which a bounded read ends: nobody falls out of a segment later; 0 = not known"""
    dedup_ttl_ms: ASecondOrMore = Options.dedup_ttl_ms
    """how long an event_id is remembered after it was last seen"""
    session_gap_ms: Positive = Options.session_gap_ms
    """a gap of more than this starts a new session"""
    session_max_ms: Positive = Options.session_max_ms
    """a session that lasts so long is closed without a gap"""
    session_max_events: Positive = Options.session_max_events
    """a session of so many events is closed without a gap"""
    visitor_step_ms: ASecondOrMore = Options.visitor_step_ms
    """a visitor in the index is brought up to date at most so often"""
    cart_timeout_ms: Positive = Options.cart_timeout_ms
    """an add_to_cart with no purchase for so long is an abandonment"""
    cart_recovery_ms: Positive = Options.cart_recovery_ms
    """a purchase up to so long after the abandonment recovers it"""
    signal_expires_after_ms: Positive = Options.signal_expires_after_ms
    """a signal's expires_at_ms after it occurred"""
    rule_memory_ms: Positive = Options.rule_memory_ms
    """how long rules that look back for months remember (orders: the last of a visitor)"""
    visitor_memory_ms: ASecondOrMore = Options.visitor_memory_ms
    """how long a silent visitor's identity and last consent status are remembered"""
    scoring: bool = Options.scoring
    """false: no model scores anybody"""
    score_every_events: NotNegative = Options.score_every_events
    """purchase intent after every n-th event of a session; 0: never"""
    score_max_events: Positive = Options.score_max_events
    """purchase intent up to this event of a session, none in the rest"""
    consent_required: bool = Options.consent_required
    """true: only visitors whose last consent status is granted get through"""
    bot_events_per_minute: NotNegative = Options.bot_events_per_minute
    """more events of a visitor in a minute hold it back; 0 = no cap"""
    bot_events_per_day: NotNegative = Options.bot_events_per_day
    """more events of a visitor in a day (UTC) hold it back; 0 = no cap"""
    bot_quarantine_ms: Positive = Options.bot_quarantine_ms
    """how long a visitor is held back after the last event over a cap"""
    rejected_payloads: bool = Options.rejected_payloads
    """false: dead letters name the position of a message, without its bytes"""


class RuleSettings(SettingsGroup):
    """Rules, models and triggers."""

    rules_dir: str = ""
    """folder of the active rules (*.yaml); empty = the shipped pack"""
    segments_dir: str = ""
    """folder of the active segments (*.yaml, cutoffs.json); empty = the shipped ones"""
    model_dir: str = ""
    """folder of the models, the same for all workers; empty = those that travel along"""
    actions_file: str = ""
    """YAML file: what is done about which signal; none = the shipped table"""
    experiments_dir: str = ""
    """folder of the experiments (*.yaml) whose arms triggers carry; none = no experiments"""
    triggers_exactly_once: bool = False
    """write triggers in transactions: no copy ever, but seen only at the next checkpoint"""


class ItemSettings(SettingsGroup):
    """Recommendations."""

    valid_events: bool = False
    """true: the suite writes valid events to their topic for recommendations, which scripts/run runs, too"""
    items_decay_ms: ASecondOrMore = ItemOptions.items_decay_ms
    """what two items have had to do with each other counts 1/e after so long"""
    items_popularity_ms: ASecondOrMore = ItemOptions.items_popularity_ms
    """an event counts 1/e for an item's popularity after so long"""
    items_memory_ms: ASecondOrMore = ItemOptions.items_memory_ms
    """a pair, or an item, with no event for so long is forgotten"""
    items_step_ms: ASecondOrMore = ItemOptions.items_step_ms
    """an item in the index is brought up to date at most so often; a bounded read: once a day"""
    items_visitor_step_ms: ASecondOrMore = ItemOptions.items_visitor_step_ms
    """the same of a visitor's last items"""
    items_rank: Rank = ItemOptions.items_rank
    """the score by which what goes with an item is ranked: cosine or llr"""
    items_in_memory: Positive = 20_000
    """items that a worker keeps as objects; others are read back from the state"""


class PseudonymSettings(SettingsGroup):
    """Pseudonyms."""

    pseudonymise: bool = False
    """true: visitor, anonymous and user ids become keyed hashes at the door"""
    pseudonym_key_file: str = ""
    """file that holds the key of the hash, at least 32 bytes"""
    pseudonym_key: SecretStr = SecretStr("")
    """the key itself; prefer pseudonym_key_file"""


class ElasticsearchSettings(SettingsGroup):
    """Elasticsearch and the lake."""

    elasticsearch_url: str = "http://127.0.0.1:9200"
    """Elasticsearch nodes, comma separated"""
    elasticsearch_api_key: SecretStr = SecretStr("")
    """API key; prefer elasticsearch_api_key_file"""
    elasticsearch_api_key_file: str = ""
    """file that holds the API key"""
    elasticsearch_ca_file: str = ""
    """certificate authority of an https cluster"""
    elasticsearch_timeout_ms: Annotated[int, Field(ge=100)] = 30_000
    """longest wait for one bulk request"""
    index_retry_ms: NotNegative = 240_000
    """how long a batch is retried before the job restarts from its checkpoint"""
    archive_dir: str = ""
    """folder or URI of the Parquet lake that the suite and archive write; empty = the suite writes none"""


class HostSettings(SettingsGroup):
    """Pace and scale."""

    parallelism: Positive = 2
    """parallel instances of every operator: a Python worker and a core each"""
    buckets: Annotated[int, Field(ge=1, le=128)] = 32
    """parts that devices and visitors are split into, the most workers; fixed for the life of a state"""
    slice_ms: Annotated[int, Field(ge=1, le=3_600_000), AfterValidator(_fits_the_window)] = 200
    """the engine is handed slices of so much event time; divides 300000 or is a multiple of it"""
    visitors_in_memory: Positive = 100_000
    """entities that a worker keeps as objects for each operator; others are read back from the state"""
    bundle_time_ms: Positive = 20
    """longest wait of a row for a Python operator's batch; a bounded read takes 1000"""
    buffer_timeout_ms: Positive = 5
    """longest wait of a row on the way from task to task; a bounded read takes 100"""


GROUPS: tuple[type[SettingsGroup], ...] = (
    KafkaSettings,
    ReadSettings,
    EngineSettings,
    RuleSettings,
    ItemSettings,
    PseudonymSettings,
    ElasticsearchSettings,
    HostSettings,
)


class Settings(
    KafkaSettings,
    ReadSettings,
    EngineSettings,
    RuleSettings,
    ItemSettings,
    PseudonymSettings,
    ElasticsearchSettings,
    HostSettings,
):
    """The effective settings. A secret shows nowhere: not in `repr`, in what travels, in what a job tells.

    >>> Settings(session_gap_ms=1_000).session_gap_ms
    1000
    >>> "hush" in repr(Settings(elasticsearch_api_key=SecretStr("hush")))
    False
    """

    @classmethod
    def of(cls, values: Mapping[str, Any], *sources: Source) -> Self:
        """Settings from values that no type checker has seen.

        Args:
            values: by name; text is converted.
            sources: where they came from, for a refusal.

        Raises:
            SettingError: an unknown name, or a value that does not fit.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise refusal(error, cls.model_fields, sources) from None

    def replace(self, **changes: Value) -> Self:
        """A copy with some values changed.

        Raises:
            SettingError: an unknown name, or a value that does not fit.
        """
        return self.of({**dict(self), **changes})

    def changed(self) -> dict[str, Value]:
        """The values that differ from the defaults, secrets left out: what may travel on a command line."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in self
            if value != fields[name].default and not isinstance(value, SecretStr)
        }

    def numbers(self) -> dict[str, int]:
        """Numbers and switches: what a running job tells of itself."""
        return {name: value for name, value in self if isinstance(value, int)}


class _Environment(Settings, BaseSettings):
    """How the settings are called in the environment."""

    model_config = SettingsConfigDict(env_prefix=VARIABLES)


def load(
    path: Path | None = None, assignments: Iterable[str] = (), defaults: Mapping[str, Value] | None = None
) -> Settings:
    """Settings from a TOML file, then FOOTFALL_<NAME> in the environment, then `name=value` assignments.

    Args:
        path: the file, if there is one.
        assignments: what the command line says.
        defaults: values that stand in for those of the classes.

    Raises:
        SettingError: a file that cannot be read, an assignment without `=`, a variable that is nearly a
            setting's, a secret outside of the environment, or what Settings refuses.
    """
    flags = Source("--set {name}", dict(map(_split, assignments)))
    file = Source(f"file {path}", _from_file(path) if path else {})
    environment = Source("environment variable {variable}", EnvSettingsSource(_Environment)())
    own = Source("the command's own default", defaults or {})
    _refuse_secrets(flags, file)
    _refuse_misspelt_variables(os.environ)
    return Settings.of(
        {**own.values, **file.values, **environment.values, **flags.values}, flags, environment, file, own
    )


def _split(assignment: str) -> tuple[str, str]:
    name, equals, value = assignment.partition("=")
    if not equals:
        raise SettingError(f"--set takes name=value; got {assignment!r}")
    return name, value


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"settings file {path} cannot be read: {plainly(error)}") from error


def _refuse_secrets(*sources: Source) -> None:
    """A secret in a file of settings or on a command line ends in repositories and process lists."""
    secrets = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    for source in sources:
        for name in filter(source.values.__contains__, secrets):
            raise SettingError(
                f"setting {name} is a secret and came from {source.of(name)}",
                f"give {VARIABLES}{name.upper()} in the environment of the job and its workers, or name a "
                f"file with {name}_file",
            )


def _refuse_misspelt_variables(environment: Mapping[str, str]) -> None:
    """Others than ours may be called FOOTFALL_ too: only what is nearly a setting's name is refused."""
    names = {f"{VARIABLES}{name}".lower() for name in Settings.model_fields}
    for variable in environment:
        if variable.startswith(VARIABLES) and variable.lower() not in names:
            name = variable.removeprefix(VARIABLES).lower()
            found = unknown(name, Settings.model_fields, f"environment variable {variable}", likeness=_NEARLY)
            if found.is_near:
                raise SettingError(found.text)
