"""Hyperparameters: Optuna over each kind of model, hopeless trials pruned, the best by average precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna

from jobs.offline.training.candidates import Candidate, fit
from jobs.offline.training.examples import Split

TRIALS = {"lightgbm": 16, "network": 5, "logistic": 4}
Progress = Callable[[str], None]


def search(algorithm: str, split: Split, seed: int, trials: int, progress: Progress) -> Candidate:
    """The best of some trials, fitted on the training part and judged on the validation part.

    Args:
        algorithm: lightgbm, network or logistic.
        split: train and valid are used, test is not touched.
        seed: of the sampler and of every fit.
        trials: how many.
        progress: called once a trial.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
    )
    best: dict[int, Candidate] = {}

    def objective(trial: optuna.Trial) -> float:
        scores: list[float] = []

        def watch(step: int, score: float) -> None:
            scores.append(score)
            trial.report(score, step)
            if trial.should_prune():
                raise optuna.TrialPruned

        candidate = fit(algorithm, _suggested(algorithm, trial), split.train, split.valid, seed, watch)
        if not best or max(scores, default=0.0) > study.best_value:
            best[0] = candidate
        return max(scores, default=0.0)

    study.optimize(objective, n_trials=trials, callbacks=[lambda *_: progress(algorithm)])
    return best[0]


def _suggested(algorithm: str, trial: optuna.Trial) -> dict[str, Any]:
    balance = {"balance": trial.suggest_categorical("balance", [0.0, 0.5])}
    if algorithm == "logistic":
        return {"c": trial.suggest_float("c", 0.003, 3.0, log=True), **balance}
    if algorithm == "network":
        return {
            "width": trial.suggest_categorical("width", [16, 32]),
            "alpha": trial.suggest_float("alpha", 1e-5, 1e-1, log=True),
            "rate": trial.suggest_float("rate", 5e-4, 5e-3, log=True),
            **balance,
        }
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 31, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 200, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1.0),
        "lambda_l2": trial.suggest_float("lambda_l2", 1e-2, 30.0, log=True),
        **balance,
    }
