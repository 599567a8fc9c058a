"""The contract of a model: what lies beside its graph and must agree with it. Pure."""

from __future__ import annotations

import math
import re
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MODEL_SCHEMA = "model/1"
INPUT_NAME = "features"
OUTPUT_NAME = "score"
CLUSTER_NAME = "cluster"
VERSION_PATTERN = re.compile(r"[0-9]{8}-[0-9a-f]{8}")
_NAME = r"^[a-z][a-z0-9_]{0,62}$"
_SHA256 = "^[0-9a-f]{64}$"
_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Input(BaseModel):
    """One column of the graph's input.

    Attributes:
        name: of the feature, as the stream offers it.
        dtype: of the column; the whole input is one matrix.
        missing: what the graph is given when the feature has no value; None is NaN.
    """

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    dtype: Literal["float32"] = "float32"
    missing: float | None = None


class Distribution(BaseModel):
    """How a value was spread in the training window: the bins of the population stability index.

    Attributes:
        edges: inner edges, rising; bin i holds edges[i-1] <= value < edges[i]; missing values have one more.
        shares: of the bins, the missing ones last; they sum to 1.
        median: of the values that are there, 0 when there are none.
    """

    model_config = _STRICT

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    median: float = 0.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.shares) != len(self.edges) + 2:
            raise ValueError(
                f"{len(self.edges)} edges need {len(self.edges) + 2} shares, {len(self.shares)} came"
            )
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        if not math.isclose(sum(self.shares), 1.0, abs_tol=1e-6):
            raise ValueError(f"shares must sum to 1, they sum to {sum(self.shares)}")
        return self


class Training(BaseModel):
    """What the model has seen.

    Attributes:
        from_ms: event time of the first training row, epoch milliseconds.
        to_ms: event time of the last row of the training window, epoch milliseconds.
        rows: of the training part.
        positives: rows of them whose label is true; 0 of clusters, which have no label.
        label: what the score is the probability of; of clusters, what it says.
        points: moments of a session at which rows were taken.
        seed: of everything random.
        algorithm: lightgbm, network or logistic; of clusters kmeans, hierarchical, dbscan or hdbscan.
        parameters: hyperparameters.
    """

    model_config = _STRICT

    from_ms: int
    to_ms: int
    rows: int = Field(ge=1)
    positives: int = Field(ge=0)
    label: str
    points: tuple[str, ...]
    seed: int
    algorithm: str
    parameters: dict[str, Any] = {}


class Cluster(BaseModel):
    """One group of visitors.

    Attributes:
        name: stays the same from version to version as long as mostly the same visitors are in it.
        share: of the visitors that it was found among.
        description: what sets it apart, in words.
    """

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    share: float = Field(ge=0, le=1)
    description: str


class Manifest(BaseModel):
    """Everything that a worker, a gate and an operator must know of one version.

    Attributes:
        name: of the model; also the kind of the signals that it makes.
        version: last day of the training window and the first eight digits of sha256.
        sha256: of model.onnx.
        golden_sha256: of golden.jsonl.
        inputs: columns of the graph's input, in their order.
        threshold: scores from here on count as positive (chosen on the validation part).
        high: scores from here on are of the band `high`; from the threshold on `medium`, else `low`.
        fallback: score of a row that the graph has no number for: the share of positives in training.
        training: what the model has seen.
        metrics: of the test part, by name.
        statistics: of each input in the training part.
        scores: of the model's own scores in the test part.
        importance: share of each input in the model's decisions, the greatest first.
        clusters: what the graph's second output numbers from 0; none of a model that only scores. The score
            then says how clearly a visitor belongs to its cluster: 0 on a border, 1 in the centre.
        code_version: of Footfall.
    """

    model_config = _STRICT

    schema_: Literal["model/1"] = Field(default="model/1", alias="schema")
    name: str = Field(pattern=_NAME)
    version: str = Field(pattern=f"^{VERSION_PATTERN.pattern}$")
    sha256: str = Field(pattern=_SHA256)
    golden_sha256: str = Field(pattern=_SHA256)
    inputs: tuple[Input, ...] = Field(min_length=1)
    threshold: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    fallback: float = Field(ge=0, le=1)
    training: Training
    metrics: dict[str, float] = {}
    statistics: dict[str, Distribution] = {}
    scores: Distribution | None = None
    importance: dict[str, float] = {}
    clusters: tuple[Cluster, ...] = ()
    code_version: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs, in their order."""
        return tuple(column.name for column in self.inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the graph gives."""
        return (OUTPUT_NAME, CLUSTER_NAME) if self.clusters else (OUTPUT_NAME,)

    def band(self, score: float) -> str:
        """`high`, `medium` or `low`; which cluster somebody is in is no news: always `low`."""
        if self.clusters:
            return "low"
        if score >= max(self.high, self.threshold):
            return "high"
        return "medium" if score >= self.threshold else "low"

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len(set(self.names)) != len(self.inputs):
            raise ValueError("two inputs have one name")
        if not self.version.endswith(self.sha256[:8]):
            raise ValueError(f"version {self.version} is not of the graph {self.sha256[:8]}")
        if len({cluster.name for cluster in self.clusters}) != len(self.clusters):
            raise ValueError("two clusters have one name")
        unknown = sorted(set(self.statistics) - set(self.names))
        if unknown:
            raise ValueError(f"statistics of {unknown[0]}, which is no input")
        return self

    def to_json(self) -> str:
        """The text of manifest.json."""
        return self.model_dump_json(by_alias=True, indent=1) + "\n"
