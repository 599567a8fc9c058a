"""Experiments as data, and who is in which arm: SHA-256 of salt and unit, the same for ever. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
_Share = Annotated[float, Field(ge=0, le=1)]
Arms = Mapping[str, str]  # experiment -> arm
_ONE_EXPERIMENT = "an action is in one experiment, or in those of one layer"
HOLDOUT, HELD_OUT, OPEN = "holdout", "held_out", "open"  # the global holdout is an experiment with two arms


class Holdout(BaseModel):
    """A share of all units that is in no experiment, gets no trigger and sees defaults alone.

    Attributes:
        version: another one draws other units.
        share: of all units.
    """

    model_config = _STRICT

    version: int = Field(ge=1)
    share: float = Field(gt=0, le=0.5)


class Layer(BaseModel):
    """A part of the units of a layer; experiments with other parts of the same layer share no unit.

    Attributes:
        name: of the layer.
        begin: first share of its units.
        end: first share after.
    """

    model_config = _STRICT

    name: Name
    begin: _Share
    end: _Share

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.begin >= self.end:
            raise ValueError("begin must be below end")
        return self


class OfTriggers(BaseModel):
    """What the experiment has to do with triggers.

    Attributes:
        actions: whose triggers carry the arm.
        held_out: arms in which they are suppressed.
    """

    model_config = _STRICT

    actions: list[Name] = Field(min_length=1)
    held_out: list[Name] = []


class Experiment(BaseModel):
    """One experiment.

    Attributes:
        name: unique.
        version: names the draw; arms, weights and layer of a version never change.
        description: for people.
        arms: weight by arm.
        control: the arm that the others are compared with.
        ramp: share of the units that take part; it may grow at any time and moves nobody to another arm.
        layer: the part of a layer that takes part; absent: everybody may.
        triggers: for TRIGGERS.
    """

    model_config = _STRICT

    name: Name
    version: int = Field(ge=1)
    description: str = ""
    arms: dict[Name, Annotated[int, Field(ge=1, le=10_000)]] = Field(min_length=2, max_length=20)
    control: Name = "control"
    ramp: _Share = 1.0
    layer: Layer | None = None
    triggers: OfTriggers | None = None

    @model_validator(mode="after")
    def _names_its_arms(self) -> Self:
        named = [self.control, *(self.triggers.held_out if self.triggers else ())]
        if unknown := [arm for arm in named if arm not in self.arms]:
            raise ValueError(f"one of the arms {', '.join(self.arms)} is required, {unknown[0]!r} came")
        if self.name == HOLDOUT:
            raise ValueError(f"{HOLDOUT} is the global holdout's name; choose another")
        return self

    @property
    def salt(self) -> str:
        """Of the draw of this version."""
        return f"{self.name}/{self.version}"

    @property
    def plan(self) -> str:
        """Hash of what a version freezes: 12 hex digits."""
        frozen = self.model_dump(include={"name", "version", "arms", "layer"})
        return hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()[:12]

    def arm(self, unit: str) -> str | None:
        """The unit's arm; None when it does not take part.

        >>> one = Experiment(name="a", version=1, arms={"control": 1, "offer": 1})
        >>> [one.arm(f"d-{number}") for number in range(4)]
        ['offer', 'control', 'offer', 'offer']
        """
        layer = self.layer
        if layer and not layer.begin <= point(f"layer/{layer.name}", unit) < layer.end:
            return None
        if point(f"{self.salt}/ramp", unit) >= self.ramp:
            return None
        left = point(f"{self.salt}/arm", unit) * sum(self.arms.values())
        for arm in sorted(self.arms):
            left -= self.arms[arm]
            if left < 0:
                return arm
        raise AssertionError("a point is below 1")


class Experiments(BaseModel):
    """All experiments in force.

    Attributes:
        holdout: the global holdout.
        experiments: that run.
    """

    model_config = _STRICT

    holdout: Holdout | None = None
    experiments: list[Experiment] = []

    def version_of(self, name: str) -> int | None:
        """The version of an experiment, or of the holdout; None when there is none of this name."""
        if name == HOLDOUT:
            return self.holdout.version if self.holdout else None
        return next((one.version for one in self.experiments if one.name == name), None)

    def plan_of(self, name: str) -> str:
        """What the version freezes, as its hash; empty for the holdout, whose share is part of nothing."""
        return next((one.plan for one in self.experiments if one.name == name), "")


def assign(experiments: Experiments, unit: str) -> dict[str, str]:
    """The arms of a unit (a device, unless its asker goes by visitors), the same for the same experiments.

    Args:
        experiments: in force.
        unit: what is drawn.

    Returns:
        Arm by experiment, without those in which the unit takes no part; `holdout` is one where there is one.

    >>> one = Experiment(name="a", version=1, arms={"control": 1, "offer": 1})
    >>> both = Experiments(holdout=Holdout(version=1, share=0.1), experiments=[one])
    >>> assign(both, "d-1"), assign(both, "d-2")
    ({'holdout': 'held_out'}, {'holdout': 'open', 'a': 'offer'})
    """
    arms: dict[str, str] = {}
    if experiments.holdout is not None:
        held_out = point(f"{HOLDOUT}/{experiments.holdout.version}", unit) < experiments.holdout.share
        arms[HOLDOUT] = HELD_OUT if held_out else OPEN
        if held_out:
            return arms
    found = ((one.name, one.arm(unit)) for one in experiments.experiments)
    return {**arms, **{name: arm for name, arm in found if arm is not None}}


def point(salt: str, unit: str) -> float:
    """Where the unit lies in [0, 1): 53 bits of SHA-256 over salt and unit, joined by a newline.

    >>> 0 <= point("a/1/arm", "d-1") < 1
    True
    """
    digest = hashlib.sha256(f"{salt}\n{unit}".encode("utf-8", "replace")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def clashes(experiments: list[Experiment]) -> Iterator[tuple[int, str, str]]:
    """What keeps experiments from running together: (index of the later one, its field, what is wrong)."""
    for index, one in enumerate(experiments):
        for before in experiments[:index]:
            if one.name == before.name:
                yield index, "name", f"{one.name} is there already; names are unique"
            if _meet(one, before):
                yield (
                    index,
                    "layer",
                    f"its part of layer {_layer(one)} is also that of {before.name}; move it",
                )
            both = _actions(one) & _actions(before)
            if both and (_layer(one) is None or _layer(one) != _layer(before)):
                yield index, "triggers", f"{min(both)} is that of {before.name} too; {_ONE_EXPERIMENT}"


def _layer(one: Experiment) -> str | None:
    return one.layer.name if one.layer else None


def _actions(one: Experiment) -> set[str]:
    return set(one.triggers.actions) if one.triggers else set()


def _meet(one: Experiment, other: Experiment) -> bool:
    """Whether both take the same part of a layer."""
    if one.layer is None or other.layer is None or one.layer.name != other.layer.name:
        return False
    return one.layer.begin < other.layer.end and other.layer.begin < one.layer.end


def refrozen(new: Experiments, old: Experiments) -> list[str]:
    """What each changed experiment of the same version has changed that it must not."""
    return [
        f"{one.name}: version {one.version} has other arms, weights or layer already; "
        f"a change needs version {one.version + 1}"
        for one in new.experiments
        if old.version_of(one.name) == one.version and old.plan_of(one.name) != one.plan
    ]
