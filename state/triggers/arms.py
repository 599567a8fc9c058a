"""Arms of experiments as triggers carry them."""

from __future__ import annotations

from connectors.contracts.experiments import HELD_OUT, HOLDOUT, Experiments, assign

NONE = Experiments()


class TriggerArms:
    """Arms by unit and action."""

    def __init__(self, experiments: Experiments) -> None:
        self._experiments = experiments
        self._of_action: dict[str, dict[str, frozenset[str]]] = {}
        for one in experiments.experiments:
            for action in one.triggers.actions if one.triggers else ():
                held_out = frozenset(one.triggers.held_out if one.triggers else ())
                self._of_action.setdefault(action, {})[one.name] = held_out

    def of(self, unit: str, action: str) -> tuple[str | None, bool]:
        """What the trigger carries, and whether the unit is held out.

        Returns:
            `experiment/version/arm` of each experiment of the action, comma separated, None outside of all;
            whether one of the arms is held out.
        """
        of_action = {HOLDOUT: frozenset((HELD_OUT,)), **self._of_action.get(action, {})}
        arms = {name: arm for name, arm in assign(self._experiments, unit).items() if name in of_action}
        told = (f"{name}/{self._experiments.version_of(name)}/{arm}" for name, arm in arms.items())
        return ",".join(told) or None, any(arm in of_action[name] for name, arm in arms.items())
