"""The settings of the services: environment first, then a TOML file, then the default."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from connectors.errors import SettingError
from connectors.wording import plainly

_DAY_MS = 86_400_000


class _Common(BaseSettings):
    """What both services have."""

    model_config = SettingsConfigDict(env_prefix="FOOTFALL_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="address to listen on")
    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Kafka brokers, host:port, comma separated"
    )
    kafka_properties_file: str = Field(
        "", description="file of further Kafka client properties (TLS, SASL), key=value a line"
    )
    ack_ms: int = Field(5_000, ge=100, description="longest wait for Kafka's word on what was written")
    max_pending: int = Field(
        500, ge=1, description="batches that wait for Kafka; above that the answer is 503"
    )
    max_body_bytes: int = Field(1_000_000, ge=1_000, le=2_000_000, description="largest body of a request")
    allowed_origins: str = Field(
        "", description="origins of pages on other hosts that may call, comma separated: https://shop.example"
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="proxies whose X-Forwarded-For is believed, comma separated"
    )
    rate_per_s: float = Field(
        20.0, gt=0, description="requests a second that one address may make in the long run"
    )
    rate_burst: int = Field(100, ge=1, description="requests that one address may make at once")
    key_file: str = Field(
        "", description="file of the secret that signs cookies and tokens; none reads FOOTFALL_VISITOR_KEY"
    )
    cookie_name: str = Field(
        "footfall_id", pattern="^[A-Za-z0-9_-]+$", description="cookie of the device's id"
    )
    cookie_secure: bool = Field(
        True, description="the cookie travels by HTTPS alone; false only for trials on loopback"
    )
    drain_ms: int = Field(
        10_000, ge=0, description="longest wait for open requests when the service is to end"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line wins over the environment, and that over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def read(cls, file: Path | None = None, assignments: tuple[str, ...] = ()) -> Self:
        """The settings in force.

        Args:
            file: TOML of `name = value` lines.
            assignments: `name=value`, from the command line.

        Raises:
            SettingError: a name is unknown, a value does not fit, the file cannot be read.
        """
        given = _pairs(assignments, set(cls.model_fields))
        source = type(cls.__name__, (cls,), {"model_config": {**cls.model_config, "toml_file": file}})
        try:
            if file is not None:
                file.read_bytes()
            return source(**given)  # type: ignore[no-any-return]
        except ValidationError as error:
            raise SettingError("; ".join(_problem(one) for one in error.errors())) from None
        except (OSError, ValueError) as error:
            raise SettingError(f"settings file {file} cannot be read: {plainly(error)}") from None

    def origins(self) -> list[str]:
        """Origins of other hosts that may call."""
        return [one.strip() for one in self.allowed_origins.split(",") if one.strip()]


class CollectorSettings(_Common):
    """Settings of the collector."""

    port: int = Field(8_080, ge=0, le=65_535, description="port to listen on")
    cookie_max_age_s: int = Field(31_536_000, ge=60, description="how long a browser keeps the device's id")
    scripts_dir: str = Field(
        "", description="folder of the scripts for pages (*.js); none = the shipped ones"
    )


class ApiSettings(_Common):
    """Settings of the API."""

    port: int = Field(8_081, ge=0, le=65_535, description="port to listen on")
    elasticsearch_url: str = Field(
        "http://127.0.0.1:9200", description="Elasticsearch nodes, comma separated"
    )
    elasticsearch_api_key_file: str = Field(
        "", description="file of the API key; none reads FOOTFALL_ELASTICSEARCH_API_KEY"
    )
    elasticsearch_ca_file: str = Field("", description="certificate authority of an https cluster")
    content_dir: str = Field("", description="folder of the content (*.yaml); none = the shipped example")
    content_poll_ms: int = Field(
        2_000, ge=100, description="how often the folders of content, experiments and models are looked at"
    )
    experiments_dir: str = Field("", description="folder of the experiments (*.yaml); none = no experiments")
    model_dir: str = Field(
        "",
        description="registry of models: its `related_items` answer where the index has none; none = off",
    )
    service_keys_file: str = Field(
        "", description="file of the keys of other servers, name=key a line; none reads FOOTFALL_SERVICE_KEYS"
    )
    token_max_s: int = Field(
        3_600, ge=60, le=86_400, description="longest life of a visitor's token that is taken"
    )
    pseudonymise: bool = Field(
        False, description="as the jobs have it: ids of visitors are keyed hashes in the data"
    )
    pseudonym_key_file: str = Field(
        "", description="the jobs' key of the hash; none reads FOOTFALL_PSEUDONYM_KEY"
    )
    decide_deadline_ms: int = Field(50, ge=5, description="a decision is made by then, with what is known")
    item_cache_ms: int = Field(
        10_000, ge=0, description="an item's document is taken from memory for so long"
    )
    view_max_signals: int = Field(
        1_000_000, ge=1_000, description="signals in memory; of more, those that expire first are given up"
    )
    view_max_segments: int = Field(
        200_000, ge=1_000, description="visitors whose segment is in memory; of others the index is asked"
    )
    view_lookback_ms: int = Field(
        8 * _DAY_MS, ge=0, description="signals are read from so long ago; more than signal_expires_after_ms"
    )
    max_streams: int = Field(2_000, ge=1, description="open streams; the next one gets 503")
    stream_ping_ms: int = Field(
        15_000, ge=100, description="a stream that is silent for so long gets a comment"
    )
    stream_backlog: int = Field(
        64, ge=1, description="changes that wait for one reader; a slower one is cut off"
    )
    remembered_visitors: int = Field(
        100_000,
        ge=1,
        description="visitors whose caps of content and exposures are remembered, the newest ones",
    )


def _pairs(assignments: tuple[str, ...], known: set[str]) -> dict[str, Any]:
    pairs = [one.partition("=") for one in assignments]
    wrong = [name for name, equals, _ in pairs if not equals or name not in known]
    if wrong:
        raise SettingError(f"--set takes name=value, {wrong[0]!r} came; names are {', '.join(sorted(known))}")
    return {name: value for name, _, value in pairs}


def _problem(error: Any) -> str:
    name = ".".join(map(str, error["loc"]))
    return f"setting {name}: {error['msg']}, {error['input']!r} came"
