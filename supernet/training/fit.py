"""Train one model: batches, steps, early stopping on a validation score."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from supernet.data.dataset import Pairs, UserItems
from supernet.data.graph import ITEM, SIDES, Graph
from supernet.data.sampling import Batch, Batches
from supernet.model import Recommender
from supernet.model.fold_in import tells_apart
from supernet.model.layer import Weights
from supernet.model.perturb import Dropout, Perturb
from supernet.model.recommender import Vectors
from supernet.training.losses import Noise, draw_negatives, step_loss
from supernet.training.recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to; `score` is None where it was not validated."""

    epoch: int
    loss: float
    score: float | None
    best: float
    seconds: float


@dataclass(frozen=True)
class Fit:
    """The outcome of a training: the model holds the weights of `best_epoch` (counted from 1)."""

    best_epoch: int
    best_score: float
    epochs: int
    seconds: float
    history: tuple[Epoch, ...]


Validate = Callable[[Vectors], float]
Watch = Callable[[Epoch], bool]
"""Called after every epoch; True ends the training (pruning)."""


def adam(parameters: list[torch.nn.Parameter], lr: float) -> torch.optim.Adam:
    """Adam in one fused kernel, which torch has for CPU and CUDA."""
    return torch.optim.Adam(parameters, lr=lr, fused=True)


def training_loss(
    model: Recommender,
    graph: Graph,
    batch: Batch,
    recipe: Recipe,
    weights: Weights | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""The loss of a weight step, a scalar: the recipe's loss, and
    :math:`\lambda (\overline{\|u\|^2} + \overline{\|i\|^2})`, mean squared norms of the layer-0 rows of the
    batch, plus that of the negatives :math:`\overline{\|j\|^2}` where each pair has its own, as in BPR (arXiv
    1205.2618).

    generator: draws the edges, items and entries that are dropped, and the noise of the contrast; without it
    there is none of these.
    """
    dropout, contrast = None, False
    if generator is not None:
        graph, dropout = graph.thinned(recipe.edge_dropout, generator), perturbation(recipe, generator)
        if recipe.item_dropout and tells_apart(model.space, ITEM):
            graph = graph.as_new(recipe.item_dropout, generator)
        contrast = recipe.contrast > 0
    loss = step_loss(model, graph, batch, recipe, weights, dropout, contrast)
    if recipe.l2 == 0.0:
        return loss
    rows = [*zip(SIDES, (batch.users, batch.items), strict=True)]
    if batch.negatives.dim() == 2:
        rows.append((ITEM, batch.negatives.flatten()))
    zero = model.initial(graph, weights or {})
    norms = [zero[side].index_select(0, chosen).square().sum(dim=1).mean() for side, chosen in rows]
    return loss + recipe.l2 * torch.stack(norms).sum()


def perturbation(recipe: Recipe, generator: torch.Generator) -> Perturb | None:
    """What a step does to the output of each layer: dropout, then noise, where the recipe has them."""
    if recipe.contrast == 0.0:
        return Dropout(recipe.dropout, generator) if recipe.dropout > 0 else None
    noise = Noise(recipe.noise, generator)
    dropout = perturbation(replace(recipe, contrast=0.0), generator)
    return noise if dropout is None else lambda x: noise(dropout(x))


def fit(
    model: Recommender,
    graph: Graph,
    pairs: Pairs,
    seen: UserItems,
    recipe: Recipe,
    generator: torch.Generator,
    validate: Validate | None = None,
    watch: Watch | None = None,
    steps: int | None = None,
) -> Fit:
    """Train `model` on `pairs` for at most recipe.epochs; `steps` makes an epoch that many batches, not a
    full pass.

    With `validate`, stop after recipe.patience validations without gain and restore the best weights; without
    it train for all epochs. `seen` says which items are no negatives.

    Errors: FloatingPointError where the loss is no longer finite.
    """
    optimiser = adam(model.weights(), recipe.lr)
    batches = Batches(pairs, recipe.batch_size, generator)
    best, best_epoch, kept = -float("inf"), recipe.epochs, None
    history: list[Epoch] = []
    start = time.perf_counter()
    for epoch in range(1, recipe.epochs + 1):
        loss = _one_epoch(model, graph, batches, seen, recipe, optimiser, generator, steps or len(batches))
        score = None
        if validate is not None and epoch % recipe.validate_every == 0:
            with torch.no_grad():
                score = validate(model(graph))
            if score > best:
                best, best_epoch, kept = score, epoch, copy.deepcopy(model.state_dict())
        history.append(Epoch(epoch, loss, score, best, time.perf_counter() - start))
        if watch is not None and watch(history[-1]):
            break
        if validate is not None and epoch - best_epoch >= recipe.patience * recipe.validate_every and kept:
            break
    if kept is not None:
        model.load_state_dict(kept)
    return Fit(best_epoch, best, len(history), time.perf_counter() - start, tuple(history))


def _one_epoch(
    model: Recommender,
    graph: Graph,
    batches: Batches,
    seen: UserItems,
    recipe: Recipe,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    steps: int,
) -> float:
    total = 0.0
    for _ in range(steps):
        batch = draw_batch(batches, seen, graph.nodes[ITEM], recipe, generator)
        loss = training_loss(model, graph, batch, recipe, generator=generator)
        descend(loss, optimiser)
        total += finite(loss, recipe)
    return total / steps


def descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One step down the loss; none where no weight is in it: of a design that reads messages alone, and none
    arrives, all vectors are zero."""
    optimiser.zero_grad(set_to_none=True)
    if loss.requires_grad:
        loss.backward()
        optimiser.step()


def draw_batch(
    batches: Batches, seen: UserItems, n_items: int, recipe: Recipe, generator: torch.Generator
) -> Batch:
    """The next pairs with the negatives that the recipe's loss needs."""
    pairs = batches.draw()
    return Batch(*pairs, draw_negatives(pairs.users, seen, n_items, recipe, generator))


def finite(loss: Tensor, recipe: Recipe) -> float:
    """The loss as a number. Errors: FloatingPointError where it is not finite, with what to change."""
    value = float(loss.detach())
    if value != value or value in (float("inf"), -float("inf")):
        raise FloatingPointError(
            f"the {recipe.loss} loss became {value}; lower lr (now {recipe.lr}) or raise temperature "
            f"(now {recipe.temperature})"
        )
    return value
