"""What all models that are set beside the others share: how each is trained and asked for its lists."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from supernet.config import DeriveConfig, TrainConfig, arguments
from supernet.data.dataset import Dataset
from supernet.data.graph import Graph
from supernet.data.side import Beside
from supernet.evaluation.baselines import BASELINES
from supernet.evaluation.fusion import fused
from supernet.evaluation.ranking import Score, top_items
from supernet.evaluation.rules import Bound, Rules, effects, top_by_rules
from supernet.model import Recommender
from supernet.model.layer import Weights
from supernet.model.recommender import Vectors
from supernet.pipeline.closed_forms import choose_settings
from supernet.pipeline.cold import cold_lists, ranks_valid
from supernet.pipeline.contenders import DERIVED, Contender, Fusion, Trained, is_rival
from supernet.pipeline.stages import (
    KNOWN,
    LEARNT,
    graph_of,
    make_model,
    score_of,
    train_model,
)
from supernet.pipeline.start import Start
from supernet.space import SearchSpace
from supernet.training.fit import Fit, Watch, fit
from supernet.training.recipe import Recipe
from supernet.training.study import TuningSettings


@dataclass(frozen=True)
class Bench:
    """What all contenders share: data without its test part, configs, device, and the graphs once built.

    rules: for the lists of the derived model; new_rules: for its rankings of new nodes. start: weights that
    the derived model, with and without its sources, begins with, and no other.
    """

    data: Dataset
    run: TrainConfig
    derive: DeriveConfig
    device: torch.device
    beside: Beside | None = None
    rules: Bound | None = None
    start: Start | None = None
    new_rules: Mapping[str, Rules] = field(default_factory=dict)
    _scores: dict[str, Score] = field(default_factory=dict, repr=False)
    _graphs: dict[tuple[tuple[str, ...], tuple[str, ...]], Graph] = field(default_factory=dict, repr=False)

    def graph(self, space: SearchSpace, parts: tuple[str, ...]) -> Graph:
        """The graph of `parts` with the relations of `space`, built at the first call."""
        key = (space.relations, parts)
        if key not in self._graphs:
            backend = self.derive.ops.backend
            self._graphs[key] = graph_of(
                self.data, parts, backend, self.device, space.relations, self.run.graph, self.beside
            )
        return self._graphs[key]

    def start_of(self, name: str) -> Start | None:
        """The weights that the model `name` begins with in place of fresh ones."""
        return None if is_rival(name) else self.start

    def train(
        self,
        space: SearchSpace,
        recipe: Recipe,
        seed: int,
        watch: Watch | None = None,
        start: Start | None = None,
    ) -> tuple[Recommender, Fit]:
        """Train on train and alpha, stop by valid; with eval.cold a model that cannot tell new nodes apart is
        stopped by the known ones."""
        graph, run = self.graph(space, LEARNT), self.run
        if not ranks_valid(run, space):
            run = replace(run, eval=replace(run.eval, cold=False))
        same = run, self.data, space, recipe, seed, graph, self.device
        return train_model(*same, watch, parts=LEARNT, start=start)

    def refit(
        self, space: SearchSpace, recipe: Recipe, seed: int, epochs: int, start: Start | None = None
    ) -> Recommender:
        """Train anew on train + alpha + valid for the chosen number of epochs."""
        graph = self.graph(space, KNOWN)
        model = make_model(space, graph, self.run.model.dim, seed, self.device)
        if start is not None:
            start.put(model)
        local = self.data.to(self.device)
        generator = torch.Generator().manual_seed(seed)
        final = replace(recipe, epochs=epochs)
        fit(model, graph, local.pairs(KNOWN), local.seen(KNOWN), final, generator)
        return model

    def retrain(self, contender: Contender, seed: int) -> Trained:
        """Train, choose the epochs (unless they are fixed), refit where asked for, and list items for every
        user."""
        begun, start = time.perf_counter(), self.start_of(contender.name)
        epochs, valid = contender.epochs, 0.0
        parts: tuple[str, ...] = KNOWN
        cold_ruled: dict[str, Tensor] | None = None
        try:
            if not contender.epochs:
                model, result = self.train(contender.space, contender.recipe, seed, start=start)
                epochs, valid, parts = result.best_epoch, result.best_score, LEARNT
            if contender.epochs or self.derive.refit:
                model = self.refit(contender.space, contender.recipe, seed, epochs, start)
                parts = KNOWN
            with torch.no_grad():
                vectors = model(self.graph(contender.space, parts))
            score, alone = score_of(model, vectors, contender.recipe.item_norm), None
            cold = self.cold_lists(model, contender, parts, vectors)
            if contender.name == DERIVED and self.new_rules:
                cold_ruled = self.cold_lists(model, contender, parts, vectors, self.new_rules)
            if contender.fusion is not None:
                alone = self.lists(score)
                score = self.fused(score, contender.fusion, parts)
            lists = self.lists(score)
        except FloatingPointError as error:
            nothing = torch.full((self.data.n_users, self.depth), -1)
            return Trained(nothing, 0, 0.0, time.perf_counter() - begun, failure=str(error))
        trained = Trained(lists, epochs, valid, time.perf_counter() - begun, model, alone=alone, cold=cold)
        trained = replace(trained, cold_ruled=cold_ruled)
        if self.rules is None or contender.name != DERIVED:
            return trained
        return self.ruled(trained, score, self.rules, counted=seed == self.derive.seeds[0])

    def cold_lists(
        self,
        model: Recommender,
        contender: Contender,
        parts: tuple[str, ...],
        vectors: Vectors,
        rules: Mapping[str, Rules] | None = None,
    ) -> dict[str, Tensor] | None:
        """The best items of new users, or of the known ones among new items, under rules if given; of the
        network alone."""

        def score(whole: Vectors, weights: Weights | None) -> Score:
            return score_of(model, whole, contender.recipe.item_norm, weights)

        graph, memory = self.graph(contender.space, parts), self.run.eval.memory_mib << 20
        return cold_lists(model, graph, self.data, vectors, score, self.depth, memory, rules)

    def lists(self, score: Score, rules: Rules | None = None) -> Tensor:
        """The best items of every user, known ones left out, under rules if given, (N_users, depth) int64."""
        users, seen = torch.arange(self.data.n_users), self.data.seen(KNOWN)
        memory = self.run.eval.memory_mib << 20
        if rules is None:
            return top_items(score, users, seen, self.depth, memory)
        return top_by_rules(score, users, seen, self.depth, rules, memory)

    def ruled(self, trained: Trained, score: Score, bound: Bound, counted: bool) -> Trained:
        """The outcome with its lists under rules, and what these did to what is recommended if `counted`,
        which takes one more ranking a rule."""
        lists, top = self.lists(score, bound.rules), self.derive.top
        told = None
        if counted:
            short = trained.lists[:, :top], lists[:, :top]
            told = effects(*short, bound, lambda rules: self.lists(score, rules)[:, :top])
        return replace(trained, ruled=lists, effects=told)

    def fused(self, network: Score, fusion: Fusion, parts: Sequence[str]) -> Score:
        """The network's score with a closed form fitted to `parts`."""
        return fused(network, self.closed_score(fusion.name, fusion.settings, parts), fusion.share)

    def closed_score(self, name: str, settings: Mapping[str, Any], parts: Sequence[str]) -> Score:
        """The closed form `name`, fitted to `parts` at the first call with these settings."""
        key = repr((name, sorted(settings.items()), tuple(parts)))
        if key not in self._scores:
            self._scores.clear()  # a fit may be large
            pairs = self.data.pairs(parts)
            self._scores[key] = BASELINES[name](pairs, self.data.n_users, self.data.n_items, **settings)
        return self._scores[key]

    def budget(self, name: str) -> TuningSettings:
        """For the settings of the closed form `name`: no trial where derive.untuned names it."""
        settings = TuningSettings(**arguments(self.derive.tuning))
        return replace(settings, trials=0) if name in self.derive.untuned else settings

    def closed_form(
        self, name: str, given: dict[str, Any] | None, journal: Path, log: logging.Logger
    ) -> Trained:
        """Choose a baseline's settings on valid unless they are given, fit it to what the refitted models
        know, and list items for every user."""
        budget, seed = self.budget(name), self.derive.seeds[0]
        chosen = choose_settings(name, self.run, self.data, budget, journal, seed, log, given)
        self._scores.clear()  # its fit is timed
        start = time.perf_counter()
        parts = KNOWN if self.derive.refit else LEARNT
        tuned = f"tuned: {chosen.trials} trials" if chosen.trials else ""
        if given is None and name in self.derive.untuned:
            tuned = "the default settings, untuned"
        note = "; ".join(filter(None, [BASELINES[name].note(self.data.n_items), tuned]))
        outcome = Trained(torch.full((self.data.n_users, self.depth), -1), 0, chosen.score, 0.0, note=note)
        try:
            outcome = replace(outcome, lists=self.lists(self.closed_score(name, chosen.values, parts)))
        except FloatingPointError as error:
            outcome = replace(outcome, failure=str(error))
        seconds = time.perf_counter() - start
        return replace(outcome, seconds=seconds, settings=chosen.values, tuning_seconds=chosen.seconds)

    @property
    def depth(self) -> int:
        """Length of the lists: what is recommended, and at least the deepest metric."""
        return max(self.derive.top, *self.run.eval.ks)
