"""Optuna's studies in a journal file: settings, samplers, and what is left to try after a kill."""

from __future__ import annotations

import itertools
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend

from supernet.training.losses import lacking
from supernet.training.recipe import Recipe

DESIGN = "design"
"""Key of a tuning space that is the number of a design."""

ENDED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
"""States of trials that came to a score."""

SECONDS, DIVERGED, SPENT = "seconds", "diverged", "spent"
"""Of a trial, what it took, and whether its loss diverged; of a study, the budget that it has used up."""


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

    def of(self, scalars: Sequence[str], recipe: Recipe | None = None, designs: int = 1) -> TuningSettings:
        """The settings for so many designs that have these numbers alone, and for what the recipe's loss
        reads (None: the default one's)."""
        recipe = recipe or Recipe()
        own = (
            key in scalars if "." in key else not never_read(key, recipe, self.space) for key in self.space
        )
        kept = dict(itertools.compress(self.space.items(), own))
        choice = {DESIGN: {"choices": list(range(designs))}} if designs > 1 else {}
        return replace(self, space=kept | choice)


def never_read(key: str, recipe: Recipe, space: Mapping[str, Mapping[str, Any]]) -> str:
    """What the recipe lacks for its loss to read the field, in words; "" where it is read, in some of the
    trials at least, as a space may open `sampling` and `contrast`."""
    samplings = space.get("sampling", {}).get("choices", [recipe.sampling])
    opened = space.get("contrast", {})
    contrast = max(opened.get("choices", [opened.get("high", recipe.contrast)]))
    found = [lacking(key, replace(recipe, sampling=s, contrast=contrast)) for s in samplings]
    return found[0] if all(found) else ""


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


def spend(
    study: optuna.Study, objective: Callable[[optuna.Trial], float], trials: int, seconds: float | None
) -> None:
    """Run trials until so many have ended, and start none after so many seconds (None: no bound), those of
    before a kill included. A budget that is spent is not spent again. A trial that diverged is one of
    them."""
    budget = [trials, seconds]
    if study.user_attrs.get(SPENT) == budget:
        return
    left = trials - len(ended(study))
    timeout = None if seconds is None else max(0.0, seconds - seconds_of(study))

    def timed(trial: optuna.Trial) -> float:
        start = time.perf_counter()
        try:
            return objective(trial)
        except FloatingPointError:
            trial.set_user_attr(DIVERGED, True)
            raise
        finally:
            trial.set_user_attr(SECONDS, time.perf_counter() - start)

    if left > 0 and timeout != 0.0:
        study.optimize(timed, n_trials=left, timeout=timeout, catch=(FloatingPointError,))
    study.set_user_attr(SPENT, budget)


def ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that count: finished, pruned, or diverged; not those that were killed."""
    trials = study.get_trials(deepcopy=False)
    return [t for t in trials if t.state in ENDED or t.user_attrs.get(DIVERGED)]


def seconds_of(study: optuna.Study) -> float:
    """What its trials took; of one that was killed nobody knows when it ended, and it counts 0."""
    return sum(_seconds_of(trial) for trial in study.get_trials(deepcopy=False))


def _seconds_of(trial: optuna.trial.FrozenTrial) -> float:
    """As it was told, or, of an earlier release's that ended, by its dates."""
    if SECONDS in trial.user_attrs or trial.state not in ENDED or trial.duration is None:
        return float(trial.user_attrs.get(SECONDS, 0.0))
    return trial.duration.total_seconds()


def suggest(trial: optuna.Trial, key: str, spec: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The trial's value of `key`: one of spec's choices, or a real number from low to high."""
    if "choices" in spec:
        return trial.suggest_categorical(key, list(spec["choices"]))
    return trial.suggest_float(key, float(spec["low"]), float(spec["high"]), log=bool(spec.get("log", False)))


def sampler_of(settings: TuningSettings, seed: int) -> optuna.samplers.BaseSampler:
    """The sampler that the settings name."""
    if settings.sampler in ("random", "grid"):  # the points of a grid are all named beforehand
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup, multivariate=True)


def pruner_of(settings: TuningSettings) -> optuna.pruners.BasePruner:
    """The pruner that the settings ask for."""
    if not settings.pruning:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=settings.startup, n_warmup_steps=3)


def size_of(settings: TuningSettings) -> int:
    """How many trials there are to be: of a grid, all its points."""
    if settings.sampler != "grid":
        return settings.trials
    size = 1
    for spec in settings.space.values():
        size *= len(spec["choices"])
    return size


def untried(study: optuna.Study, points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the points that no trial has tried or is to try; of equal ones, the first."""
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    known = [t.system_attrs.get("fixed_params", t.params) for t in [*waiting, *ended(study)]]
    left: list[dict[str, Any]] = []
    for point in points:
        if point not in known and point not in left:
            left.append(point)
    return left


def grid_of(settings: TuningSettings, seed: int) -> list[dict[str, Any]]:
    """All points of the grid, in a random order: a budget in seconds may end anywhere."""
    values = [spec["choices"] for spec in settings.space.values()]
    points = [dict(zip(settings.space, point, strict=True)) for point in itertools.product(*values)]
    return random.Random(seed).sample(points, len(points))


def _close_interrupted(study: optuna.Study) -> int:
    """Mark the trials of a killed process as failed, and count those that ended."""
    running = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
    for trial in running:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return len(ended(study))
