"""Hyper-parameter tuning by Optuna, in a journal file that survives being killed."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.storages.journal import JournalFileBackend

from supernet.training.fit import Epoch, Fit, Watch
from supernet.training.losses import SHARED
from supernet.training.recipe import Recipe

Shifts = Mapping[str, float]
"""What is added to numbers of the design, as "sym.left" → −0.05 (`SearchSpace.shifted`)."""

DESIGN = "design"
"""Key of a tuning space that is the number of a design."""


class Point(NamedTuple):
    """What a trial trains: a recipe, one of several designs by its number, what is added to its numbers."""

    recipe: Recipe
    design: int = 0
    shifts: Shifts = {}  # noqa: RUF012  never changed


Objective = Callable[[Point, Watch], Fit]
"""Train a point; call the watcher after every epoch and stop when it says so."""

OF_SOFTMAX = ("temperature", "correction")
"""Fields that other losses than SHARED do not read."""


@dataclass(frozen=True)
class TuningSettings:
    """As supernet.config.TuningConfig: sampler, budget in trials and seconds, pruning, start-up trials,
    space.

    Keys of the space are fields of the recipe; those with a dot are shifts of a design's numbers, and
    `design` is its number.
    """

    sampler: str
    trials: int
    seconds: float | None
    pruning: bool
    startup: int
    space: Mapping[str, Mapping[str, Any]]

    def of(self, scalars: Sequence[str], loss: str = "softmax", designs: int = 1) -> TuningSettings:
        """The settings for so many designs that have these numbers alone, and for their loss."""
        other = () if loss in SHARED else OF_SOFTMAX
        kept = {key: spec for key, spec in self.space.items() if "." not in key or key in scalars}
        kept = {key: spec for key, spec in kept.items() if key not in other}
        choice = {DESIGN: {"choices": list(range(designs))}} if designs > 1 else {}
        return replace(self, space=kept | choice)


@dataclass(frozen=True)
class Tuned:
    """The best point, its validation score, the number of finished and pruned trials, and the seconds
    spent."""

    point: Point
    score: float
    finished: int
    pruned: int
    seconds: float


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
    study, done = open_study(name, journal, lambda drawn: _sampler(settings, seed + drawn), _pruner(settings))
    base = first[0].recipe

    def run(trial: optuna.Trial) -> float:
        return _trial(trial, objective, base, settings.space)

    left = _size(settings) - done
    wanted = _missing(study, settings)
    if settings.sampler != "grid":
        wanted = _untried(study, [_values(point, settings.space) for point in first])
    for values in wanted:
        study.enqueue_trial(values)
    if left > 0:
        study.optimize(run, n_trials=left, timeout=settings.seconds, catch=(FloatingPointError,))
    return _best(study, base)


def open_study(
    name: str,
    journal: Path,
    sampler: Callable[[int], optuna.samplers.BaseSampler],
    pruner: optuna.pruners.BasePruner | None = None,
) -> tuple[optuna.Study, int]:
    """The study `name` of a journal, new or gone on with, and how many of its trials have ended.

    sampler: number of trials drawn so far → the sampler of the next; a resumed tuning draws on, where the
    same seed would draw the first trials again.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a trial that diverges is counted, not printed
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        sampler=sampler(0),
        pruner=pruner,
    )
    done = _close_interrupted(study)
    study.sampler = sampler(len(study.get_trials(deepcopy=False)))
    return study, done


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
    shifts = {key: float(value) for key, value in values.items() if "." in key}
    fields = {key: value for key, value in values.items() if key not in shifts and key != DESIGN}
    return Point(replace(recipe, **fields), int(values.get(DESIGN, 0)), shifts)


def suggest(trial: optuna.Trial, key: str, spec: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The trial's value of `key`: one of spec's choices, or a real number from low to high."""
    if "choices" in spec:
        return trial.suggest_categorical(key, list(spec["choices"]))
    return trial.suggest_float(key, float(spec["low"]), float(spec["high"]), log=bool(spec.get("log", False)))


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


def _sampler(settings: TuningSettings, seed: int) -> optuna.samplers.BaseSampler:
    if settings.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if settings.sampler == "grid":
        grid = {key: list(spec["choices"]) for key, spec in settings.space.items()}
        return optuna.samplers.GridSampler(grid, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup, multivariate=True)


def _pruner(settings: TuningSettings) -> optuna.pruners.BasePruner:
    if not settings.pruning:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=settings.startup, n_warmup_steps=3)


def _size(settings: TuningSettings) -> int:
    if settings.sampler != "grid":
        return settings.trials
    size = 1
    for spec in settings.space.values():
        size *= len(spec["choices"])
    return size


def _untried(study: optuna.Study, points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the points that no trial has tried or is to try; of equal ones, the first."""
    state = optuna.trial.TrialState
    trials = study.get_trials(deepcopy=False, states=(state.WAITING, state.COMPLETE, state.PRUNED))
    known = [t.system_attrs.get("fixed_params", t.params) for t in trials]
    left: list[dict[str, Any]] = []
    for point in points:
        if point not in known and point not in left:
            left.append(point)
    return left


def _missing(study: optuna.Study, settings: TuningSettings) -> list[dict[str, Any]]:
    """The points of the grid that no ended trial has tried; none at the start, when the sampler knows
    them."""
    trials = study.get_trials(deepcopy=False)
    if not trials or settings.sampler != "grid":
        return []
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    tried = [t.params for t in trials if t.state in ended]
    keys = list(settings.space)
    points = itertools.product(*(settings.space[key]["choices"] for key in keys))
    grid = [dict(zip(keys, point, strict=True)) for point in points]
    return [point for point in grid if point not in tried]


def _close_interrupted(study: optuna.Study) -> int:
    """Mark the trials of a killed process as failed, and count those that ended."""
    running = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
    for trial in running:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=ended))


def _best(study: optuna.Study, recipe: Recipe) -> Tuned:
    trials = study.get_trials(deepcopy=False)
    complete = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    if not complete:
        raise FloatingPointError(
            f"tuning {study.study_name}: no trial of {len(trials)} finished; narrow tuning.space"
        )
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    seconds = sum(t.duration.total_seconds() for t in trials if t.duration is not None)
    pruned = sum(t.state == optuna.trial.TrialState.PRUNED for t in trials)
    return Tuned(_point(recipe, best.params), float(best.value or 0.0), len(complete), pruned, seconds)
