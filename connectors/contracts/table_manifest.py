"""The contract of a table of related items: what lies beside it in the registry. Pure."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.contracts.model_manifest import VERSION_PATTERN

TABLE_SCHEMA = "table/1"
_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Fit(BaseModel):
    """What the table was made of.

    Attributes:
        from_ms: event time of the first event, epoch milliseconds.
        to_ms: event time of the last one.
        events: of products.
        visitors: that the method learnt from.
        items: that occur.
        algorithm: name of the method.
        parameters: of the method.
        seed: of everything random.
    """

    model_config = _STRICT

    from_ms: int
    to_ms: int
    events: int = Field(ge=1)
    visitors: int = Field(ge=1)
    items: int = Field(ge=1)
    algorithm: str
    parameters: dict[str, Any] = {}
    seed: int


class TableManifest(BaseModel):
    """Everything that a reader, a gate and an operator must know of one version of a table.

    Attributes:
        name: of the table.
        version: last day of its events and the first eight digits of sha256.
        sha256: of table.jsonl.
        training: what it was made of.
        metrics: of the method, on the last days before.
        objections: of the gate; a version that has some is refused by its readers.
        code_version: of Footfall.
    """

    model_config = _STRICT

    schema_: Literal["table/1"] = Field(default="table/1", alias="schema")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    version: str = Field(pattern=f"^{VERSION_PATTERN.pattern}$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    training: Fit
    metrics: dict[str, float] = {}
    objections: tuple[str, ...] = ()
    code_version: str

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if not self.version.endswith(self.sha256[:8]):
            raise ValueError(f"version {self.version} is not of the table {self.sha256[:8]}")
        return self

    def to_json(self) -> str:
        """The text of manifest.json."""
        return self.model_dump_json(by_alias=True, indent=1) + "\n"
