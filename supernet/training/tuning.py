"""Hyper-parameter tuning by Optuna, in a journal file that survives being killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import optuna

from supernet.training.fit import Epoch, Fit, Watch
from supernet.training.recipe import Recipe
from supernet.training.study import (
    DESIGN,
    TuningSettings,
    grid_of,
    open_study,
    pruner_of,
    sampler_of,
    seconds_of,
    size_of,
    spend,
    suggest,
    untried,
)

Shifts = Mapping[str, float]
"""What is added to numbers of the design, as "sym.left" → −0.05 (`SearchSpace.shifted`)."""


class Point(NamedTuple):
    """What a trial trains: a recipe, one of several designs by its number, what is added to its numbers."""

    recipe: Recipe
    design: int = 0
    shifts: Shifts = {}  # noqa: RUF012  never changed


Objective = Callable[[Point, Watch], Fit]
"""Train a point; call the watcher after every epoch and stop when it says so."""


@dataclass(frozen=True)
class Tuned:
    """The best point, its validation score, the number of finished and pruned trials, the seconds spent, and
    the epoch of the best trial that scored so."""

    point: Point
    score: float
    finished: int
    pruned: int
    seconds: float
    epochs: int


def tune(
    objective: Objective,
    first: Sequence[Point],
    settings: TuningSettings,
    name: str,
    journal: Path,
    seed: int,
) -> Tuned:
    """The best of `settings.trials` points by validation score; those of `first` are tried first, as far as
    the space can hold them. What the space leaves open is as in the first of them.

    Trials already in `journal` under `name` count, so that a killed tuning goes on. A grid is walked in full,
    whatever the number of trials. Ties go to the earlier trial.
    """

    def sampler(drawn: int) -> optuna.samplers.BaseSampler:
        return sampler_of(settings, seed + drawn)

    study, _ = open_study(name, journal, sampler, pruner_of(settings))
    base = first[0].recipe

    def run(trial: optuna.Trial) -> float:
        return _trial(trial, objective, base, settings.space)

    if settings.sampler == "grid":
        wanted = grid_of(settings, seed)
    else:
        wanted = [_values(point, settings.space) for point in first]
    for values in untried(study, wanted):
        study.enqueue_trial(values)
    spend(study, run, size_of(settings), settings.seconds)
    return _best(study, base)


def _trial(
    trial: optuna.Trial, objective: Objective, recipe: Recipe, space: Mapping[str, Mapping[str, Any]]
) -> float:
    drawn = {key: suggest(trial, key, spec) for key, spec in space.items()}

    def watch(epoch: Epoch) -> bool:
        if epoch.score is not None:
            trial.report(epoch.best, epoch.epoch)
        return trial.should_prune()

    result = objective(_point(recipe, drawn), watch)
    if trial.should_prune():
        raise optuna.TrialPruned
    trial.set_user_attr("best_epoch", result.best_epoch)
    return result.best_score


def _point(recipe: Recipe, values: Mapping[str, Any]) -> Point:
    """The recipe with the values; a temperature of bsl that is tuned alone takes the positives' with it, as
    their ratio is what the loss is about."""
    shifts = {key: float(value) for key, value in values.items() if "." in key}
    fields = {key: value for key, value in values.items() if key not in shifts and key != DESIGN}
    if recipe.loss == "bsl" and "temperature" in fields:
        own = recipe.positive_temperature * (fields["temperature"] / recipe.temperature)
        fields = {"positive_temperature": own} | fields
    return Point(replace(recipe, **fields), int(values.get(DESIGN, 0)), shifts)


def _values(point: Point, space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The point's own values, where the space can hold them."""
    values = {}
    for key, spec in space.items():
        value = point.design if key == DESIGN else point.shifts.get(key, 0.0)
        if key != DESIGN and "." not in key:
            value = getattr(point.recipe, key)
        if "choices" in spec:
            if value in spec["choices"]:
                values[key] = value
        else:
            values[key] = min(max(value, float(spec["low"])), float(spec["high"]))
    return values


def _best(study: optuna.Study, recipe: Recipe) -> Tuned:
    trials = study.get_trials(deepcopy=False)
    complete = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    if not complete:
        raise FloatingPointError(
            f"tuning {study.study_name}: no trial of {len(trials)} finished; narrow tuning.space"
        )
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    pruned = sum(t.state == optuna.trial.TrialState.PRUNED for t in trials)
    counts, epochs = (len(complete), pruned), int(best.user_attrs["best_epoch"])
    return Tuned(_point(recipe, best.params), float(best.value or 0.0), *counts, seconds_of(study), epochs)
