"""How a search judges designs: by short trainings of their own, or by the supernet with inherited weights."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from supernet.config import TrainConfig, load_space
from supernet.data.dataset import Dataset
from supernet.pipeline.short_trainings import ShortTrainings
from supernet.pipeline.stages import space_of, train_model, validator
from supernet.search.loop import Search
from supernet.search.selection import Choices, Mixture, Trials, decided, enriched, known_designs

PRESETS = ("mf", "lightgcn", "lightgcn_pp", "gcn", "graphsage", "gat", "ngcf", "gin")
"""Fixed spaces that are judged too, where they are points of the space searched."""


ENRICHED = ("lightgcn", "lightgcn_pp")
"""Those of them that are judged with each side relation and each view of the text too."""

LOOKS = 2
"""Rankings of valid in the shortest of the short trainings."""

LAST = 9
"""Trainings of so many times the shortest are those that decide: they are repeated."""

APART = 1 << 21
"""Added to the seed for each training of a design that is repeated (torch reads 32 bits)."""

PATIENT = 4
"""Trainings of so many times the shortest wait for one more ranking without gain before they stop."""


def trials_of(
    search: Search,
    config: TrainConfig,
    data: Dataset,
    log: logging.Logger,
    advance: Callable[[], None] = lambda: None,
    kept: ShortTrainings | None = None,
) -> Trials:
    """What a selection rule or a strategy may look at; data: without its test part. advance: called after
    each training; kept: where scores are written down and, those of before a kill, found."""
    space, settings = search.model.space, config.search
    known = known_designs(space, [space_of(load_space(name)) for name in PRESETS])
    for name in ENRICHED:
        for design in known_designs(space, [space_of(load_space(name))])[:1]:
            known += enriched(space, design)
    past = [record["mixture"] for record in search.history if record["epoch"] > search.warmup]
    return Trials(
        train=_training(search, config, data, log, advance, kept or ShortTrainings()),
        mixed=_mixed(search, config, data),
        generator=torch.Generator().manual_seed(config.seed),
        known=known,
        pool=settings.select_pool,
        steps=settings.select_steps,
        dropped={slot: first.dropped for slot, (first, *_) in search.model.mixtures().items()},
        history=[{slot: torch.tensor(p) for slot, p in mixture.items()} for mixture in past],
        cost=_cost(search),
        expected_cost=search.expected_cost,
    )


def _cost(search: Search) -> Callable[[Choices], float]:
    """A design → what the search's weights make of its milliseconds and parameters; 0 without weights."""
    return lambda choices: search.expected_cost(decided(search.model.space, choices))


def _training(
    search: Search,
    config: TrainConfig,
    data: Dataset,
    log: logging.Logger,
    advance: Callable[[], None],
    kept: ShortTrainings,
) -> Callable[[Choices, int], float]:
    """(choices, steps) → the best valid score over settings.select_temperatures, each times the recipe's; 0
    where a training fails; of trainings LAST times the shortest, the mean over settings.select_seeds of them.

    A training goes on for at most so many batches, ranks valid LOOKS times in each select_steps of them and
    stops at the first ranking without gain, or where it may be long at the second; its score is the best. So
    a design that has learnt all it can is not judged by what it unlearns, and one of the last round not by
    one unlucky ranking.
    """
    space, device, cost = search.model.space, next(search.model.parameters()).device, _cost(search)
    short = replace(search.recipe, validate_every=1)
    batches = max(1, config.search.select_steps // LOOKS)
    recipes = [
        replace(
            short,
            temperature=short.temperature * factor,
            positive_temperature=short.positive_temperature * factor,
        )
        for factor in config.search.select_temperatures
    ]

    def train(choices: Choices, steps: int) -> float:
        often = config.search.select_seeds if steps >= LAST * config.search.select_steps else 1
        scores = []
        for number in range(often):
            training = partial(trained, choices, steps, config.seed + number * APART)
            scores.append(kept.score(choices, steps, training, cost(choices), number))
            advance()
        return statistics.fmean(scores)

    def trained(choices: Choices, steps: int, seed: int) -> float:
        fixed, scores = space.fixed(choices), []
        for recipe in recipes:
            try:
                patience = 1 + (steps >= PATIENT * config.search.select_steps)
                bounded = replace(recipe, epochs=max(1, steps // batches), patience=patience)
                fitted = train_model(config, data, fixed, bounded, seed, search.graph, device, steps=batches)
                scores.append(fitted[1].best_score)
            except FloatingPointError:
                scores.append(0.0)
        best = max(range(len(scores)), key=lambda k: scores[k])
        at = f" at temperature {recipes[best].temperature:.3g}" if len(recipes) > 1 else ""
        at += f" less a cost of {cost(choices):.4f}" if search.costs is not None else ""
        at += f" with seed {seed}" if seed != config.seed else ""
        opened = ", ".join(choices[slot] for slot in space.choices())
        log.info(
            "selection: %d steps, valid %s %.4f%s: %s", steps, config.eval.metric, scores[best], at, opened
        )
        return scores[best]

    return train


def _mixed(search: Search, config: TrainConfig, data: Dataset) -> Callable[[Mixture], float]:
    """A mixture → the valid score of the supernet with it; a mixture that is decided is the design itself."""
    rank = validator(config, data, search.model, search.graph, search.recipe.item_norm)

    @torch.no_grad()
    def mixed(mixture: Mapping[str, Tensor]) -> float:
        device = next(search.model.parameters()).device
        weights = {slot: p.to(device) for slot, p in mixture.items()}
        vectors = search.model(search.graph, weights)
        try:
            return rank(vectors, weights).score
        except FloatingPointError:
            return 0.0

    return mixed
