"""The table of actions: what is done about a signal, and when it is not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from connectors.contracts import yaml_files
from connectors.contracts.errors import BadInput
from connectors.contracts.segments import MOVES

_STRICT = ConfigDict(frozen=True, extra="forbid")
_Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
_Span = Annotated[int, Field(ge=0, le=366 * 86_400_000)]
_Clock = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Suppress(BaseModel):
    """When nothing is done whatever the signal.

    Attributes:
        consent: values of the signal's `context.consent` that forbid it.
        paused_by: kinds of signals that pause everything as long as one is active and has not expired.
        purchases: kinds of signals that say that the visitor has bought; a recovered signal says so too.
        after_purchase_ms: so long after a purchase nothing is done.
    """

    model_config = _STRICT

    consent: tuple[str, ...] = ()
    paused_by: tuple[_Name, ...] = ()
    purchases: tuple[_Name, ...] = ()
    after_purchase_ms: _Span = 0


class QuietHours(BaseModel):
    """Hours without messages, in the zone's own time.

    Attributes:
        zone: IANA name of the time zone.
        start: first minute, HH:MM.
        end: first minute after; before `start` when the hours go over midnight.
        policy: defer what falls into them to their end, or drop it.
    """

    model_config = _STRICT

    zone: str
    start: _Clock
    end: _Clock
    policy: Literal["defer", "drop"]

    @field_validator("zone")
    @classmethod
    def _exists(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"an IANA time zone is required, like Europe/Berlin; {zone!r} came")
        return zone

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.start == self.end:
            raise ValueError(f"start and end must differ; both are {self.start}")
        return self

    def ends_at_ms(self, at_ms: int) -> int | None:
        """When the quiet hours that the moment falls into are over; None when it falls into none.

        Hours are those of the zone's clock, on days of 23 and 25 hours too. An end that the clock jumps
        over comes as much later. Of an hour that comes twice, both are quiet.

        >>> night = QuietHours(zone="Europe/Berlin", start="21:00", end="08:00", policy="defer")
        >>> night.ends_at_ms(1_700_000_000_000) is None, night.ends_at_ms(1_700_002_800_000)  # 23:13, 00:00
        (False, 1700031600000)
        """
        zone = ZoneInfo(self.zone)
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
        start, end, clock = (_clock(self.start), _clock(self.end), local.time())
        over_midnight = end < start
        if not (clock >= start or clock < end if over_midnight else start <= clock < end):
            return None
        day = local.date() + timedelta(days=1 if over_midnight and clock >= start else 0)
        return round(datetime.combine(day, end.replace(fold=local.fold), zone).timestamp() * 1000)


class Cap(BaseModel):
    """At most so many triggers of one action for a visitor in any stretch of so long."""

    model_config = _STRICT

    triggers: int = Field(ge=1, le=50)
    within_ms: _Span = Field(gt=0)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Where(BaseModel):
    """Which signals of its kind a row is about.

    Attributes:
        segment: that the signal's visitor enters or leaves, one of these.
    """

    model_config = _STRICT

    segment: Annotated[tuple[_Name, ...], BeforeValidator(_listed), Field(min_length=1, max_length=20)]


class Action(BaseModel):
    """One row: a kind of signal, and what is done about it.

    Attributes:
        kind: of the signal.
        where: of that kind only those; all of it without.
        action: what the receiver does.
        step: of the audience's way; a part of the trigger's id, so that a kind may have several.
        priority: of two at a time the lower number wins.
        delay_ms: from the signal to the trigger being due.
        cap: how often.
        outranks_for_ms: so long after this one, actions of a higher number are not done.
        payload: goes with the trigger as it is.
    """

    model_config = _STRICT

    kind: _Name
    where: Where | None = None
    action: _Name
    step: _Name
    priority: int = Field(ge=1, le=9)
    delay_ms: _Span = 0
    cap: Cap
    outranks_for_ms: _Span = 0
    payload: dict[str, str | int | float | bool] = {}

    @field_validator("where")
    @classmethod
    def _is_of_a_move(cls, where: Where | None, info: ValidationInfo) -> Where | None:
        kind = info.data.get("kind")
        if where is not None and kind is not None and kind not in MOVES:
            raise ValueError(f"one of the kinds {', '.join(MOVES)} is required for it, {kind!r} came")
        return where

    def is_about(self, segment: str | None) -> bool:
        """Whether the row is about a signal of its kind, with this segment in its evidence."""
        return self.where is None or segment in self.where.segment


class ActionTable(BaseModel):
    """The whole table.

    Attributes:
        version: counts up.
        suppress: when nothing is done.
        quiet_hours: when no message is sent.
        actions: the rows.
        rule_caps: how many signals of a kind may set something off; job triggers takes it from the rules.
    """

    model_config = _STRICT

    version: int = Field(ge=1)
    suppress: Suppress = Suppress()
    quiet_hours: QuietHours | None = None
    actions: tuple[Action, ...] = Field(min_length=1)
    rule_caps: dict[_Name, Cap] = {}

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        keys = [(row.kind, row.action, row.step) for row in self.actions]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"kind, action and step must be there once; {' '.join(twice[0])} is there twice")
        return self

    def of(self, kind: str) -> list[Action]:
        """The actions of a kind of signal, the most important first."""
        return sorted((row for row in self.actions if row.kind == kind), key=lambda row: row.priority)


def load(path: Path | None = None, segments: Collection[str] | None = None) -> ActionTable:
    """The table in a YAML file, or the shipped one.

    Args:
        path: of the file.
        segments: those that there are; None where that is not known, and rows may name any.

    >>> load().of("cart_abandoned")[0].action
    'send_cart_offer'

    Raises:
        BadInput: the file cannot be read, is no YAML, or an entry is wrong; the message names it.
    """
    source = path or files("state").joinpath("triggers/actions.yaml")
    document = yaml_files.read(source, "version, suppress, quiet_hours and actions")
    table = yaml_files.validated(source, document, ActionTable)
    wrong = [] if segments is None else [*_unheard_of(source, document, table, segments)]
    if wrong:
        raise BadInput("\n".join(wrong))
    return table


def _unheard_of(
    source: yaml_files.Source, document: object, table: ActionTable, segments: Collection[str]
) -> Iterator[str]:
    """A line for each row about a segment that no visitor comes into."""
    for number, row in enumerate(table.actions):
        for name in row.where.segment if row.where else ():
            if name not in segments:
                told = f"one of {', '.join(segments)} is required, {name!r} came"
                yield yaml_files.line(source, document, ("actions", number, "where", "segment"), told)


def _clock(text: str) -> time:
    return time.fromisoformat(text)
