"""How a model comes to a recipe of its own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from supernet.config import (
    DeriveConfig,
    TrainConfig,
    arguments,
    depth_of,
    load_published,
    published_names,
    tuning_defaults,
)
from supernet.pipeline.bench import Bench
from supernet.pipeline.contenders import DERIVED, Contender
from supernet.pipeline.stages import (
    recipe_of,
    space_of,
)
from supernet.report.progress import bar
from supernet.runtime import InputError
from supernet.space import SearchSpace
from supernet.training.fit import Fit, Watch
from supernet.training.recipe import Recipe
from supernet.training.study import TuningSettings, never_read
from supernet.training.tuning import Point, tune
from supernet.training.tuning_space import check_space

UNBOUNDED = 1 << 30
"""Trials, where the seconds alone bound them."""

REFINED = (DERIVED, "lightgcn_pp")
"""Models whose numbers are tuned with their recipes: the searched one, and the one published so, in any
depth."""


def tuned(
    bench: Bench,
    name: str,
    designs: Sequence[SearchSpace],
    journal: Path,
    seed: int,
    log: logging.Logger,
    like: Recipe | None = None,
    seconds: float | None = None,
) -> Contender:
    """A contender with its own tuned recipe; of several designs, the best with it.

    Numbers of REFINED models are tuned too. Tried first are the run's recipe, and `like`, of another model,
    with every design. A grid is walked with the first of the designs alone: with all of them it would be that
    many times the trials of the other models. seconds: go on with the trials that were made by the settings,
    as many as it takes.
    """
    settings = TuningSettings(**arguments(bench.derive.tuning))
    if seconds is not None:
        settings = replace(settings, trials=UNBOUNDED, seconds=seconds)
    check_space(settings.space, settings.sampler)
    designs = designs[:1] if settings.sampler == "grid" else designs
    if "item_norm" in settings.space and "mlp" in space_of(bench.run.space).candidates()["score"]:
        raise InputError("tuning.space.item_norm: the run's space has the mlp score, which has no norm")
    recipe = load_published(name)[1] if name in published_names() else recipe_of(bench.run)
    refined = depth_of(name)[0] in REFINED
    scalars = [scalar for space in designs for scalar in space.scalars()] if refined else []
    recipe, plain = contrasted(recipe, designs)
    if _wide(designs):
        left = {key: spec for key, spec in settings.space.items() if key != "contrast"}
        settings, like = replace(settings, space=left), None if like is None else replace(like, contrast=0.0)
    settings = settings.of(scalars, recipe, len(designs))
    if settings.trials == 0:
        note = "; ".join(filter(None, ["the run's recipe, untuned", plain]))
        return Contender(name, designs[0], recipe, note)
    fingerprints = "-".join(space.fingerprint() for space in designs)
    first = [Point(recipe), *(Point(like or recipe, k) for k in range(len(designs)))]
    study = f"{name}-{fingerprints}-{settings.sampler}-{_conditions(bench, name, first, settings, seed)}"
    with bar(f"tuning {name}", total=None if seconds is not None else settings.trials) as progress:

        def objective(point: Point, watch: Watch) -> Fit:
            design = designs[point.design].shifted(point.shifts)
            fitted = bench.train(design, point.recipe, seed, watch, bench.start_of(name))[1]
            progress.advance()
            return fitted

        best = tune(objective, first, settings, study, journal, seed)
    trials, (chosen, design, shifts) = best.finished + best.pruned, best.point
    values = {key: getattr(chosen, key, shifts.get(key, design)) for key in settings.space}
    log.info(
        "%s: best of %d trials (%d pruned) valid %.4f: %s", name, trials, best.pruned, best.score, values
    )
    told = "" if seconds is None else " in the seconds of the derived model"
    note = "; ".join(filter(None, [f"tuned: {trials} {settings.sampler} trials{told}", plain]))
    return Contender(name, designs[design].shifted(shifts), chosen, note, best)


def check_fields(config: DeriveConfig, run: TrainConfig) -> None:
    """Errors: InputError for an entry of tuning.space that no loss of the tuned models reads: trials would be
    spent on it; and as `check_space`. The entries of conf/tuning, which all losses share, are left out where
    they are not read."""
    if not config.tuning.trials:
        return
    space = dict(config.tuning.space)
    check_space(space, config.tuning.sampler)
    published = [name for name in config.tune if name in published_names()]
    recipes = [recipe_of(run), *(load_published(name)[1] for name in published)]
    for key, spec in space.items():
        unread = [never_read(key, recipe, space) for recipe in recipes]
        if all(unread) and dict(spec) not in tuning_defaults(key):
            raise InputError(
                f"tuning.space.{key}={dict(spec)} is read where {unread[0]} is set, and the run has "
                f"loss.name={run.loss.name}, sampling={run.loss.sampling}, contrast={run.loss.contrast}: its "
                f"trials would be spent on nothing; leave tuning.space.{key} out"
            )


def contrasted(recipe: Recipe, designs: Sequence[SearchSpace]) -> tuple[Recipe, str]:
    """The recipe that models of these designs can have, and what is to be told of it: a contrast sets final
    vectors against a layer's, and those of a concat read-out are wider."""
    if not (recipe.contrast and _wide(designs)):
        return recipe, ""
    return replace(recipe, contrast=0.0), "without the contrast, which its concat read-out cannot have"


def _wide(designs: Sequence[SearchSpace]) -> bool:
    return any("concat" in design.candidates()["readout"] for design in designs)


def _conditions(bench: Bench, name: str, first: Sequence[Point], settings: TuningSettings, seed: int) -> str:
    """A digest of all that a trial's score depends on beside the design: trials of other conditions do not
    count."""
    run = bench.run
    what = [
        run.data,
        run.split,
        run.seed,
        run.eval.metric,
        run.eval.users,
        run.eval.cold,
        run.model,
        run.graph,
        first,
        settings.space,
        seed,
    ]
    what += [settings.pruning, settings.startup, bench.derive.finetune]
    start = bench.start_of(name)
    what += [] if start is None else [start.digest, bench.derive.init]
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]
