"""From a batch to its loss: the vectors it reads, and what the loss makes of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ops.mixture import Mix, ScoreMixture
from ops.precision import rounded_products
from ops.score import Cosine, Dot
from ops.sphere import unit_rows
from supernet.data.graph import INTERACTIONS, ITEM, USER, Graph
from supernet.data.sampling import Batch
from supernet.model import Recommender
from supernet.model.layer import Weights
from supernet.model.perturb import Perturb
from supernet.model.recommender import Vectors
from supernet.training.losses.base import LOSSES, Scored
from supernet.training.losses.contrast import contrast_loss
from supernet.training.losses.negatives import hardest
from supernet.training.recipe import Recipe


def step_loss(
    model: Recommender,
    graph: Graph,
    batch: Batch,
    recipe: Recipe,
    weights: Weights | None = None,
    dropout: Perturb | None = None,
    contrast: bool = False,
    sharpness: Tensor | None = None,
) -> Tensor:
    """The recipe's loss of a batch; a scalar. Only the vectors that the batch reads are computed to the end.

    contrast: add the `contrast_loss`, recipe.contrast times. sharpness: as in `batch_loss`.
    """
    rows, local = localise(batch)
    with torch.autocast(batch.users.device.type, torch.bfloat16, enabled=recipe.autocast):
        history = model.history(graph, weights, dropout, rows) if contrast else {}
        vectors = model.read_out(history, weights) if contrast else model(graph, weights, dropout, rows)
    offset = correction(graph, recipe.correction)
    offset = None if offset is None else offset.index_select(0, rows[ITEM])
    with rounded_products(recipe.autocast):
        loss = batch_loss(model, vectors, local, recipe, weights, offset, sharpness)
        if contrast:
            loss = loss + recipe.contrast * contrast_loss(history, vectors, local, recipe)
    return loss


def correction(graph: Graph, exponent: float) -> Tensor | None:
    r"""The offset of each item's score in the softmax loss, :math:`-\beta \log(d_i / \bar d)`, d its number
    of train edges, at least 1; (N_items,), None for β = 0.

    In-batch negatives come by popularity. With β = 1 (the logQ correction, Yi et al., RecSys 2019) a score
    tends to log p(i|u), with 0 to log p(i|u) / p(i): popularity is then left to the vectors' length.
    """
    if exponent == 0.0:
        return None
    degree = graph.link(INTERACTIONS, ITEM).relation.target_degree().clamp(min=1.0)
    return (degree / degree.mean()).log_().mul_(-exponent)


def batch_loss(
    model: Recommender,
    vectors: Vectors,
    batch: Batch,
    recipe: Recipe,
    weights: Weights | None = None,
    offset: Tensor | None = None,
    sharpness: Tensor | None = None,
) -> Tensor:
    """The recipe's loss of a batch, given the vectors that it counts in; a scalar. offset: of each item's
    score in the softmax loss (`correction`), (N_items,). sharpness: a scalar that multiplies every score, and
    has a gradient: 1 / T of a temperature that is learnt.

    With similarity="cosine" vectors are normalised first; the `mlp` score reads them as they are, since its
    input must be the same in training and in ranking.
    """
    whole, only = recipe.sampling == "all", model.score.only
    cosine = recipe.similarity == "cosine" and "mlp" not in model.score.candidates
    cosine = cosine or (whole and isinstance(only, Cosine))
    read = unit_rows if cosine else _as_it_is
    score: Callable[..., Tensor] = partial(
        _score, model.score, None if weights is None else weights.get("score")
    )
    users = read(vectors.user.index_select(0, batch.users))
    if recipe.sampling == "hard":
        pool = read(F.embedding(batch.negatives, vectors.item.detach()))
        sharp = score if sharpness is None else _times(score, sharpness)
        batch = batch._replace(negatives=hardest(sharp, users, pool, batch.negatives, recipe))
    items = read(vectors.item.index_select(0, batch.items))
    negatives = read(_negatives(batch.negatives, vectors.item))
    unit = cosine and only is not None  # dot and cosine agree
    product = unit or (whole and isinstance(only, Dot))
    bound = 1.0 if unit else None
    if sharpness is not None and product:
        users, bound = users * sharpness, None if bound is None else float(sharpness.detach())
    elif sharpness is not None:
        score = _times(score, sharpness)
    return LOSSES[recipe.loss](Scored(score, users, items, negatives, batch, recipe, offset, product, bound))


def localise(batch: Batch) -> tuple[dict[str, Tensor], Batch]:
    """The nodes of each side that a batch reads, ascending, and the batch in places of these lists."""
    users, place = batch.users.unique(return_inverse=True)
    items, both = torch.cat([batch.items, batch.negatives.flatten()]).unique(return_inverse=True)
    own, negatives = both.split([batch.items.numel(), batch.negatives.numel()])
    return {USER: users, ITEM: items}, Batch(place, own, negatives.view_as(batch.negatives))


def _negatives(chosen: Tensor, items: Tensor) -> Tensor:
    """Rows of the items; torch cannot differentiate a lookup of nothing twice."""
    return F.embedding(chosen, items) if chosen.numel() else items.new_zeros(*chosen.shape, items.shape[1])


def _times(score: Callable[..., Tensor], factor: Tensor) -> Callable[..., Tensor]:
    return lambda *vectors, **how: score(*vectors, **how) * factor


def _as_it_is(x: Tensor) -> Tensor:
    return x


def _score(score: ScoreMixture, p: Mix | None, users: Tensor, items: Tensor, pairs: bool = False) -> Tensor:
    return score(users, items, p, pairs)
