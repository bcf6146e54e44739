"""Who is set beside whom: the derived model, the fixed spaces, random designs; and how each is trained."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from supernet.config import DeriveConfig, TrainConfig, arguments, load_space
from supernet.data.dataset import Dataset
from supernet.evaluation.baselines import BASELINES
from supernet.evaluation.ranking import top_items
from supernet.model import Recommender
from supernet.pipeline.stages import graph_of, make_model, ranked, recipe_of, space_of, train_model
from supernet.report.progress import bar
from supernet.runtime import InputError
from supernet.space import Genotype, SearchSpace
from supernet.training.fit import Fit, Watch, fit
from supernet.training.recipe import Recipe
from supernet.training.tuning import Tuned, TuningSettings, check_space, tune

KNOWN = ("train", "alpha", "valid")
DERIVED = "derived"


@dataclass(frozen=True)
class Contender:
    """A model to be trained, by name: a space with one design, and a recipe. `note` says where the recipe is
    from."""

    name: str
    space: SearchSpace
    recipe: Recipe
    note: str
    tuned: Tuned | None = None
    once: bool = False


@dataclass(frozen=True)
class Trained:
    """One training's outcome: lists (N_users, top) for all users, epochs chosen, valid score, seconds."""

    lists: Tensor
    epochs: int
    valid: float
    seconds: float
    model: Recommender | None = None
    failure: str = ""


@dataclass(frozen=True)
class Bench:
    """What all contenders share: data without its test part, configs, device."""

    data: Dataset
    run: TrainConfig
    derive: DeriveConfig
    device: torch.device

    def train(
        self, space: SearchSpace, recipe: Recipe, seed: int, watch: Watch | None = None
    ) -> tuple[Recommender, Fit]:
        """Train on train, stop by valid."""
        graph = graph_of(self.data, ["train"], self.derive.ops.backend, self.device)
        return train_model(self.run, self.data, space, recipe, seed, graph, self.device, watch)

    def refit(self, space: SearchSpace, recipe: Recipe, seed: int, epochs: int) -> Recommender:
        """Train anew on train + alpha + valid for the chosen number of epochs."""
        graph = graph_of(self.data, KNOWN, self.derive.ops.backend, self.device)
        model = make_model(space, graph, self.run.model.dim, seed, self.device)
        local = self.data.to(self.device)
        generator = torch.Generator().manual_seed(seed)
        final = replace(recipe, epochs=epochs)
        fit(model, graph, local.pairs(KNOWN), local.user_items(KNOWN), final, generator)
        return model

    def retrain(self, contender: Contender, seed: int) -> Trained:
        """Train, choose the epochs, refit where asked for, and list items for every user."""
        start = time.perf_counter()
        users = torch.arange(self.data.n_users)
        try:
            model, result = self.train(contender.space, contender.recipe, seed)
            parts: tuple[str, ...] = ("train",)
            if self.derive.refit:
                model, parts = self.refit(contender.space, contender.recipe, seed, result.best_epoch), KNOWN
            with torch.no_grad():
                vectors = model(graph_of(self.data, parts, self.derive.ops.backend, self.device))
            memory, item_norm = self.run.eval.memory_mib, contender.recipe.item_norm
            lists = ranked(model, vectors, users, self.data, KNOWN, self.depth, memory, item_norm)
        except FloatingPointError as error:
            nothing = torch.full((self.data.n_users, self.depth), -1)
            return Trained(nothing, 0, 0.0, time.perf_counter() - start, failure=str(error))
        return Trained(lists, result.best_epoch, result.best_score, time.perf_counter() - start, model)

    def closed_form(self, name: str) -> Trained:
        """Fit a baseline without training on what the refitted models know, and list items for every user."""
        start = time.perf_counter()
        known = self.data.pairs(KNOWN if self.derive.refit else ["train"])
        score = BASELINES[name](known, self.data.n_users, self.data.n_items)
        users, seen = torch.arange(self.data.n_users), self.data.user_items(KNOWN)
        lists = top_items(score, users, seen, self.depth, self.run.eval.memory_mib << 20)
        return Trained(lists, 0, 0.0, time.perf_counter() - start)

    @property
    def depth(self) -> int:
        """Length of the lists: what is recommended, and at least the deepest metric."""
        return max(self.derive.top, *self.run.eval.ks)


def tuned(
    bench: Bench, name: str, space: SearchSpace, journal: Path, seed: int, log: logging.Logger
) -> Contender:
    """A contender with its own tuned recipe."""
    settings = TuningSettings(**arguments(bench.derive.tuning))
    check_space(settings.space, settings.sampler)
    if "item_norm" in settings.space and "mlp" in space_of(bench.run.space).candidates()["score"]:
        raise InputError("tuning.space.item_norm: the run's space has the mlp score, which has no norm")
    recipe = recipe_of(bench.run)
    if settings.trials == 0:
        return Contender(name, space, recipe, "the run's recipe, untuned")
    study = f"{name}-{space.fingerprint()}-{settings.sampler}-{_conditions(bench, recipe, settings, seed)}"
    with bar(f"tuning {name}", total=settings.trials) as progress:

        def objective(candidate: Recipe, watch: Watch) -> Fit:
            fitted = bench.train(space, candidate, seed, watch)[1]
            progress.advance()
            return fitted

        best = tune(objective, recipe, settings, study, journal, seed)
    trials, values = best.finished + best.pruned, {key: getattr(best.recipe, key) for key in settings.space}
    log.info(
        "%s: best of %d trials (%d pruned) valid %.4f: %s", name, trials, best.pruned, best.score, values
    )
    note = f"tuned: {trials} {settings.sampler} trials"
    return Contender(name, space, best.recipe, note, best)


def _conditions(bench: Bench, recipe: Recipe, settings: TuningSettings, seed: int) -> str:
    """A digest of all that a trial's score depends on beside the design: trials of other conditions do not
    count."""
    run = bench.run
    what = [
        run.data,
        run.split,
        run.seed,
        run.eval.metric,
        run.eval.users,
        run.model,
        recipe,
        settings.space,
        seed,
    ]
    what += [settings.pruning, settings.startup]
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def fixed(bench: Bench, name: str, like: Contender | None) -> Contender:
    """A fixed space of conf/space, trained with the recipe of `like`. Errors: InputError where it is not
    fixed."""
    space = space_of(load_space(name))
    if space.choices():
        raise InputError(f"baselines: space {name!r} has open slots; name a fixed one, such as lightgcn")
    recipe, note = (
        (recipe_of(bench.run), "the run's recipe") if like is None else (like.recipe, f"{like.name}'s recipe")
    )
    return Contender(name, space, recipe, note)


def random_designs(bench: Bench, genotype: Genotype, like: Contender) -> list[Contender]:
    """Designs drawn from the space that was searched, trained with the recipe of `like`."""
    space = space_of(bench.run.space)
    generator = torch.Generator().manual_seed(genotype.seed)
    draws = [space.sample(generator) for _ in range(bench.derive.random_genotypes)]
    note = f"{like.name}'s recipe, first seed alone"
    return [
        Contender(f"random {i + 1}", space.fixed(draw), like.recipe, note, once=True)
        for i, draw in enumerate(draws)
    ]
