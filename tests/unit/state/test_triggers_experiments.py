"""Triggers carry the arm of their device; in arms that are held out they are suppressed."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contracts.experiments import HELD_OUT, Experiments, assign
from connectors.contracts.signals import Trigger
from state.bucket import DictStore
from state.triggers.logic import TriggersLogic
from tests.trigger_host import NOON, TABLE, Document, Host, change

EXPERIMENTS = Experiments.model_validate(
    {
        "holdout": {"version": 3, "share": 0.2},
        "experiments": [
            {
                "name": "offer",
                "version": 2,
                "arms": {"control": 1, "mail": 1},
                "triggers": {"actions": ["send_cart_offer"], "held_out": ["control"]},
            },
            {"name": "banner", "version": 1, "arms": {"control": 1, "red": 1}},
        ],
    }
)


def host() -> Host:
    one = Host()
    one.logic, one.store = TriggersLogic(TABLE, experiments=EXPERIMENTS), DictStore()
    return one


def visitor(**arms: str) -> str:
    """One whose arms are these."""
    names = (f"v-{number}" for number in range(1_000))
    return next(name for name in names if arms.items() <= assign(EXPERIMENTS, name).items())


def of(name: str, number: int = 1, at_ms: int = NOON, **members: Any) -> Document:
    return change(number, at_ms, **{"visitor_id": name, **members})


def decided(found: list[Document]) -> list[tuple[str, str | None, str | None]]:
    for one in found:
        Trigger.model_validate(one)
    return [(one["status"], one.get("reason"), one.get("variant")) for one in found]


def test_an_arm_that_is_not_held_out_goes_with_the_trigger_and_with_its_cancellation() -> None:
    name, one = visitor(offer="mail"), host()
    variant = "holdout/3/open,offer/2/mail"
    assert decided(one.take(of(name))) == [("due", None, variant)]
    gone = of(name, status="retracted", version=NOON + 1)
    assert decided(one.take(gone)) == [("cancelled", "no_longer_active", variant)]


def test_a_held_out_arm_is_suppressed_and_counts_for_nothing() -> None:
    name, one = visitor(offer="control"), host()
    expected = [("suppressed", "holdout", "holdout/3/open,offer/2/control")]
    assert [decided(one.take(of(name, number, NOON + number))) for number in (1, 2, 3)] == [expected] * 3
    lower = one.take(of(name, 4, NOON + 4, kind="category_interest"))
    assert decided(lower) == [("due", None, "holdout/3/open")]  # nothing outranks it


def test_the_unit_is_the_device_of_the_signal_so_that_signing_in_changes_no_arm() -> None:
    for arm, status in (("mail", "due"), ("control", "suppressed")):
        device = visitor(offer=arm)
        for name in ("u-1", "u-2"):
            (found,) = host().take(of(name, context={"anonymous_id": device}))
            assert (found["status"], found["unit"]) == (status, device)
    (guest,) = host().take(of(device))
    assert guest["unit"] == device


@pytest.mark.parametrize("odd", [7, "", None, ["d"], "x" * 257])
def test_what_is_no_device_is_none(odd: object) -> None:
    name = visitor(offer="mail")
    (found,) = host().take(of(name, context={"anonymous_id": odd}))
    assert found["unit"] == name


def test_the_global_holdout_gets_no_trigger_at_all() -> None:
    name, one = visitor(holdout=HELD_OUT), host()
    for kind in ("cart_abandoned", "category_interest"):
        assert decided(one.take(of(name, 1, NOON, kind=kind))) in (
            [("suppressed", "holdout", "holdout/3/held_out")],
            [],
        )
    assert decided(one.take(of(name, 9))) == [("suppressed", "holdout", "holdout/3/held_out")]


def test_what_is_suppressed_anyway_says_no_arm() -> None:
    """So both arms are exposed at the same moments: where the trigger would have been due."""
    for arm in ("mail", "control"):
        denied = of(visitor(offer=arm), context={"consent": "denied"})
        assert decided(host().take(denied)) == [("suppressed", "no_consent", None)]


def test_without_experiments_nothing_is_said_of_them() -> None:
    (found,) = Host().take(change(1, NOON))
    assert "variant" not in found and "unit" not in found


def test_a_trigger_remembered_before_there_were_experiments_is_cancelled_all_the_same() -> None:
    before, name = Host(), visitor(offer="mail")
    before.take(of(name))
    after = host()
    after.store = before.store
    gone = of(name, status="retracted", version=NOON + 1)
    assert decided(after.take(gone)) == [("cancelled", "no_longer_active", None)]
