"""The gate: why a candidate may not go live; nothing to say means it may. Pure."""

from __future__ import annotations

from connectors.contracts.model_manifest import Manifest
from jobs.offline.training.evaluation import Estimate
from jobs.offline.training.pipeline import LAST_ACTION, PRIOR, Outcome

MAX_CALIBRATION_ERROR = 0.05
WORSE_BY = 0.02  # average precision that a candidate may lose against the live model on the same rows


def objections(outcome: Outcome, live: Estimate | None = None) -> list[str]:
    """Why the candidate is refused, in words; empty when it passes.

    Args:
        outcome: of the run.
        live: average precision of the live model on the same test rows, when there is one.
    """
    mine = outcome.estimates[outcome.chosen]
    rule = outcome.estimates[LAST_ACTION]["average_precision"]
    found = []
    if mine["auc"].low <= 0.5:
        found.append(f"AUC {mine['auc']} is not above chance")
    if mine["average_precision"].value <= rule.value:
        found.append(
            f"average precision {mine['average_precision']} is not above the last-action rule's {rule}"
        )
    if mine["log_loss"].value >= outcome.estimates[PRIOR]["log_loss"].value:
        found.append(f"log loss {mine['log_loss']} is no better than the prior's")
    if mine["calibration_error"].value > MAX_CALIBRATION_ERROR:
        error = mine["calibration_error"]
        found.append(
            f"calibration error {error}: scores are no probabilities; at most {MAX_CALIBRATION_ERROR}"
        )
    if live and mine["average_precision"].value < live.value - WORSE_BY:
        found.append(
            f"average precision {mine['average_precision']} is below the live model's {live} on the same rows"
        )
    for name, auc in outcome.suspects.items():
        found.append(
            f"feature {name} alone has AUC {auc:.3f}: it may know the answer; leave it out or say why not"
        )
    return found


def same_inputs(live: Manifest, names: tuple[str, ...]) -> bool:
    """Whether the live model can be judged on the candidate's rows."""
    return set(live.names) <= set(names)
