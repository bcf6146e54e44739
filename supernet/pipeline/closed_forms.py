"""The settings of baselines without training: chosen on valid, in the journal of the other tunings."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from supernet.config import TrainConfig
from supernet.data.dataset import Dataset
from supernet.evaluation.baselines import BASELINES
from supernet.pipeline.stages import LEARNT, score_validator
from supernet.report.progress import bar
from supernet.training.study import TuningSettings, open_study, seconds_of, spend, suggest


@dataclass(frozen=True)
class Settings:
    """What a closed form is fitted with; its score on the valid part, the trials and the seconds it took."""

    values: dict[str, Any]
    score: float
    trials: int
    seconds: float


def choose_settings(
    name: str,
    run: TrainConfig,
    data: Dataset,
    budget: TuningSettings,
    journal: Path,
    seed: int,
    log: logging.Logger,
    given: dict[str, Any] | None = None,
) -> Settings:
    """Fit on train and alpha, rank for valid, take the best of at most `budget.trials`.

    The defaults are tried first. Trials already in `journal` count. `budget.seconds` bounds the time after
    which no trial starts. The space is the baseline's own; without one, or with no trials, the defaults
    stand, or what is `given`.
    """
    baseline, defaults = BASELINES[name], BASELINES[name].defaults
    if given is not None:
        return Settings(given, 0.0, 0, 0.0)
    if budget.trials == 0 or not baseline.space:
        return Settings(defaults, 0.0, 0, 0.0)
    validate, pairs = score_validator(run, data), data.pairs(LEARNT)

    def objective(trial: optuna.Trial) -> float:
        values = {key: suggest(trial, key, spec) for key, spec in baseline.space.items()}
        value = validate(baseline(pairs, data.n_users, data.n_items, **values))
        progress.advance()
        return value

    conditions = [
        run.data,
        run.split,
        run.seed,
        run.eval.metric,
        run.eval.users,
        baseline.space,
        defaults,
        seed,
    ]
    digest = hashlib.sha256(repr(conditions).encode()).hexdigest()[:12]
    with bar(f"tuning {name}", total=budget.trials) as progress:
        best = _optimise(objective, defaults, budget, f"{name}-{budget.sampler}-{digest}", journal, seed)
    log.info("%s: best of %d trials valid %.4f: %s", name, best.trials, best.score, best.values)
    return best


def _optimise(
    objective: Callable[[optuna.Trial], float],
    defaults: dict[str, Any],
    budget: TuningSettings,
    study_name: str,
    journal: Path,
    seed: int,
) -> Settings:
    def sampler(drawn: int) -> optuna.samplers.BaseSampler:
        if budget.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed + drawn, n_startup_trials=budget.startup)
        return optuna.samplers.RandomSampler(seed=seed + drawn)  # a grid is of the trained models' settings

    study, done = open_study(study_name, journal, sampler)
    if not done:
        study.enqueue_trial(defaults)
    spend(study, objective, budget.trials, budget.seconds)
    return _best(study, defaults)


def _best(study: optuna.Study, defaults: dict[str, Any]) -> Settings:
    trials = study.get_trials(deepcopy=False)
    complete = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    if not complete:
        return Settings(defaults, 0.0, 0, seconds_of(study))
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    return Settings(dict(best.params), float(best.value or 0.0), len(complete), seconds_of(study))
