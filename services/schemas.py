"""What the API takes and gives, as its contract has it (services/openapi.json)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH

VisitorId = Annotated[str, Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)]
_Taken = ConfigDict(extra="forbid")
MAX_SLOTS = 20


class Signal(BaseModel):
    """Something that is so for a visitor, or was; times are epoch milliseconds."""

    signal_id: str
    kind: str
    status: Literal["active", "retracted", "recovered", "expired"]
    version: int
    occurred_at_ms: int
    expires_at_ms: int
    score: float | None = None
    denied: bool = Field(False, description="its context has the word of no consent: nobody shall act on it")
    document: dict[str, Any] | None = Field(
        None, description="with explain: rule or model, evidence, context"
    )


class Score(BaseModel):
    """The newest score of a model."""

    model: str
    version: str | None = None
    score: float
    scored_at_ms: int | None = None
    cluster: str | None = Field(None, description="of a model that has clusters: the visitor's")


class Visitor(BaseModel):
    """What is known of a visitor."""

    visitor_id: str
    known: bool
    signals: list[Signal]
    segment: str | None = None
    scores: list[Score] = []
    first_seen_ms: int | None = None
    last_seen_ms: int | None = None
    features: dict[str, Any] | None = Field(None, description="with explain")
    degraded: list[str] = Field([], description="what did not answer in time: index, view")


class DecideRequest(BaseModel):
    """Which slots are to be filled for whom; events of the same page view may come along."""

    model_config = _Taken

    visitor_id: VisitorId | None = Field(None, description="absent: the token's own visitor")
    slots: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        min_length=1, max_length=MAX_SLOTS
    )
    language: str = Field("en", max_length=35, description="as a browser says it: de-AT")
    unit: VisitorId | None = Field(
        None, description="what experiments go by; absent: the device's id, else the visitor"
    )
    events: dict[str, Any] | None = Field(None, description="a batch as POST /c takes it")
    explain: bool = Field(False, strict=True, description="say also which contents were passed over, and why")


class Because(BaseModel):
    """What called for a content."""

    signal_id: str | None = None
    kind: str | None = None
    segment: str | None = None
    model: str | None = None
    score: float | None = None


class ShownItem(BaseModel):
    """An item, and why it is shown."""

    item_id: str
    reason: Literal["related", "nightly", "category", "popular"]
    because: str | None = Field(None, description="the item that it goes with, or the category")
    score: float | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None


class SlotAnswer(BaseModel):
    """What is shown in one slot; nothing where `fields` is empty."""

    slot: str
    reason: Literal[
        "signal", "segment", "score", "always", "default", "not_exposed", "unknown_visitor", "unknown_slot"
    ]
    content: str | None = None
    fields: dict[str, str | int | float | bool]
    because: Because | None = None
    items: list[ShownItem] = Field([], description="of a slot that shows items, the best first")
    passed_over: dict[str, str] = Field({}, description="with explain")


class Taken(BaseModel):
    """What became of the events that came along."""

    acknowledged: bool = Field(description="false: send them again, with the same ids")
    events: int
    refused: list[str] = Field([], description="reasons of dead letters")


class DecideResponse(BaseModel):
    """A decision."""

    visitor_id: str
    decided_at_ms: int
    content_version: str
    slots: list[SlotAnswer]
    events: Taken | None = None
    degraded: list[str] = Field([], description="what did not answer in time: index, view, exposures")


class RelatedItem(BaseModel):
    """An item that goes with another."""

    item_id: str
    cosine: float | None = Field(None, description="of the index")
    llr: float | None = Field(
        None,
        description="of the index: log-likelihood ratio, negative where they meet less often than by chance",
    )
    score: float | None = Field(None, description="of the nightly table, by its method")


class Related(BaseModel):
    """Items that go with an item."""

    item_id: str
    related: list[RelatedItem]
    reason: Literal["computed", "nightly", "not_computed", "index_away"]
    computed_at_ms: int | None = None


class TokenRequest(BaseModel):
    """For whom a token is; only servers may say."""

    model_config = _Taken

    visitor_id: VisitorId | None = Field(None, description="absent: the device of the cookie")
    lifetime_s: int = Field(600, ge=60, le=86_400)


class Token(BaseModel):
    """A visitor's token."""

    token: str
    visitor_id: str
    expires_at_ms: int


class Refusal(BaseModel):
    """Why not."""

    detail: Any
