"""How each model that is set beside the others is tuned, trained and asked for its lists."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from supernet.config import DeriveConfig, TrainConfig, arguments, load_published, published_names
from supernet.data.dataset import Dataset
from supernet.data.graph import Graph
from supernet.evaluation.baselines import BASELINES
from supernet.evaluation.ranking import top_items
from supernet.model import Recommender
from supernet.pipeline.closed_forms import choose_settings
from supernet.pipeline.stages import graph_of, make_model, ranked, recipe_of, space_of, train_model
from supernet.report.progress import bar
from supernet.runtime import InputError
from supernet.space import SearchSpace
from supernet.training.fit import Fit, Watch, fit
from supernet.training.recipe import Recipe
from supernet.training.tuning import Shifts, Tuned, TuningSettings, tune
from supernet.training.tuning_space import check_space

KNOWN = ("train", "alpha", "valid")
DERIVED = "derived"
REFINED = (DERIVED, "lightgcn_pp")
"""Models whose numbers are tuned with their recipes: the searched one, and the one published so."""


@dataclass(frozen=True)
class Contender:
    """A model to be trained, by name: a space with one design, and a recipe. `note` says where the recipe is
    from. once: with the first seed alone. epochs: train for exactly so many (0: chosen by the valid part)."""

    name: str
    space: SearchSpace
    recipe: Recipe
    note: str
    tuned: Tuned | None = None
    once: bool = False
    epochs: int = 0

    @property
    def choices(self) -> dict[str, str]:
        """Slot → candidate."""
        return {slot: names[0] for slot, names in self.space.candidates().items()}


@dataclass(frozen=True)
class Trained:
    """One training's outcome: lists (N_users, top) for all users, epochs, valid score (0 where there is no
    valid part to look at), seconds.

    A closed form also tells its settings, the seconds of their choice, and a note.
    """

    lists: Tensor
    epochs: int
    valid: float
    seconds: float
    model: Recommender | None = None
    failure: str = ""
    settings: dict[str, Any] | None = None
    tuning_seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Bench:
    """What all contenders share: data without its test part, configs, device, and the graphs once built."""

    data: Dataset
    run: TrainConfig
    derive: DeriveConfig
    device: torch.device
    _graphs: dict[tuple[tuple[str, ...], tuple[str, ...]], Graph] = field(default_factory=dict, repr=False)

    def graph(self, space: SearchSpace, parts: tuple[str, ...]) -> Graph:
        """The graph of `parts` with the relations of `space`, built at the first call."""
        key = (space.relations, parts)
        if key not in self._graphs:
            backend = self.derive.ops.backend
            self._graphs[key] = graph_of(
                self.data, parts, backend, self.device, space.relations, self.run.graph
            )
        return self._graphs[key]

    def train(
        self, space: SearchSpace, recipe: Recipe, seed: int, watch: Watch | None = None
    ) -> tuple[Recommender, Fit]:
        """Train on train, stop by valid."""
        graph = self.graph(space, ("train",))
        return train_model(self.run, self.data, space, recipe, seed, graph, self.device, watch)

    def refit(self, space: SearchSpace, recipe: Recipe, seed: int, epochs: int) -> Recommender:
        """Train anew on train + alpha + valid for the chosen number of epochs."""
        graph = self.graph(space, KNOWN)
        model = make_model(space, graph, self.run.model.dim, seed, self.device)
        local = self.data.to(self.device)
        generator = torch.Generator().manual_seed(seed)
        final = replace(recipe, epochs=epochs)
        fit(model, graph, local.pairs(KNOWN), local.user_items(KNOWN), final, generator)
        return model

    def retrain(self, contender: Contender, seed: int) -> Trained:
        """Train, choose the epochs (unless they are fixed), refit where asked for, and list items for every
        user."""
        start = time.perf_counter()
        users = torch.arange(self.data.n_users)
        epochs, score = contender.epochs, 0.0
        parts: tuple[str, ...] = KNOWN
        try:
            if not contender.epochs:
                model, result = self.train(contender.space, contender.recipe, seed)
                epochs, score, parts = result.best_epoch, result.best_score, ("train",)
            if contender.epochs or self.derive.refit:
                model, parts = self.refit(contender.space, contender.recipe, seed, epochs), KNOWN
            with torch.no_grad():
                vectors = model(self.graph(contender.space, parts))
            memory, item_norm = self.run.eval.memory_mib, contender.recipe.item_norm
            lists = ranked(model, vectors, users, self.data, KNOWN, self.depth, memory, item_norm)
        except FloatingPointError as error:
            nothing = torch.full((self.data.n_users, self.depth), -1)
            return Trained(nothing, 0, 0.0, time.perf_counter() - start, failure=str(error))
        return Trained(lists, epochs, score, time.perf_counter() - start, model)

    def closed_form(
        self, name: str, given: dict[str, Any] | None, journal: Path, log: logging.Logger
    ) -> Trained:
        """Choose a baseline's settings on valid unless they are given, fit it to what the refitted models
        know, and list items for every user."""
        budget = TuningSettings(**arguments(self.derive.tuning))
        seed = self.derive.seeds[0]
        chosen = choose_settings(name, self.run, self.data, budget, journal, seed, log, given)
        start = time.perf_counter()
        known = self.data.pairs(KNOWN if self.derive.refit else ["train"])
        users, seen = torch.arange(self.data.n_users), self.data.user_items(KNOWN)
        tuned = f"tuned: {chosen.trials} trials" if chosen.trials else ""
        note = "; ".join(filter(None, [BASELINES[name].note(self.data.n_items), tuned]))
        outcome = Trained(torch.full((len(users), self.depth), -1), 0, chosen.score, 0.0, note=note)
        try:
            score = BASELINES[name](known, self.data.n_users, self.data.n_items, **chosen.values)
            lists = top_items(score, users, seen, self.depth, self.run.eval.memory_mib << 20)
            outcome = replace(outcome, lists=lists)
        except FloatingPointError as error:
            outcome = replace(outcome, failure=str(error))
        seconds = time.perf_counter() - start
        return replace(outcome, seconds=seconds, settings=chosen.values, tuning_seconds=chosen.seconds)

    @property
    def depth(self) -> int:
        """Length of the lists: what is recommended, and at least the deepest metric."""
        return max(self.derive.top, *self.run.eval.ks)


def tuned(
    bench: Bench, name: str, space: SearchSpace, journal: Path, seed: int, log: logging.Logger
) -> Contender:
    """A contender with its own tuned recipe; the derived model's numbers are refined with it."""
    settings = TuningSettings(**arguments(bench.derive.tuning))
    check_space(settings.space, settings.sampler)
    if "item_norm" in settings.space and "mlp" in space_of(bench.run.space).candidates()["score"]:
        raise InputError("tuning.space.item_norm: the run's space has the mlp score, which has no norm")
    recipe = load_published(name)[1] if name in published_names() else recipe_of(bench.run)
    settings = settings.of(space.scalars() if name in REFINED else (), recipe.loss)
    if settings.trials == 0:
        return Contender(name, space, recipe, "the run's recipe, untuned")
    study = f"{name}-{space.fingerprint()}-{settings.sampler}-{_conditions(bench, recipe, settings, seed)}"
    with bar(f"tuning {name}", total=settings.trials) as progress:

        def objective(candidate: Recipe, shifts: Shifts, watch: Watch) -> Fit:
            fitted = bench.train(space.shifted(shifts), candidate, seed, watch)[1]
            progress.advance()
            return fitted

        best = tune(objective, recipe, settings, study, journal, seed)
    trials = best.finished + best.pruned
    values = {key: getattr(best.recipe, key, best.shifts.get(key)) for key in settings.space}
    log.info(
        "%s: best of %d trials (%d pruned) valid %.4f: %s", name, trials, best.pruned, best.score, values
    )
    note = f"tuned: {trials} {settings.sampler} trials"
    return Contender(name, space.shifted(best.shifts), best.recipe, note, best)


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
        run.graph,
        recipe,
        settings.space,
        seed,
    ]
    what += [settings.pruning, settings.startup]
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]
