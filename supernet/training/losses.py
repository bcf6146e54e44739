"""Ranking losses. Contract: (score, users, items, negatives, batch, recipe) -> a scalar, the mean over the
batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ops.mixture import ScoreMixture
from ops.registry import Registry
from supernet.data.dataset import UserItems
from supernet.data.sampling import Batch, shared_negatives, unseen_negatives
from supernet.model import Recommender
from supernet.model.recommender import Vectors, Weights
from supernet.training.recipe import Recipe

Loss = Callable[[Callable[..., Tensor], Tensor, Tensor, Tensor, Batch, Recipe], Tensor]
LOSSES: Registry[Loss] = Registry("loss")


def batch_loss(
    model: Recommender, vectors: Vectors, batch: Batch, recipe: Recipe, weights: Weights | None = None
) -> Tensor:
    """The recipe's loss of a batch, given the vectors of all nodes; a scalar.

    With similarity="cosine" vectors are normalised first; the `mlp` score reads them as they are, since its
    input must be the same in training and in ranking.
    """
    users = F.embedding(batch.users, vectors.user)
    items = F.embedding(batch.items, vectors.item)
    negatives = F.embedding(batch.negatives, vectors.item)
    if recipe.similarity == "cosine" and "mlp" not in model.score.candidates:
        users, items, negatives = (F.normalize(x, dim=-1) for x in (users, items, negatives))
    score = partial(_score, model.score, None if weights is None else weights.get("score"))
    return LOSSES[recipe.loss](score, users, items, negatives, batch, recipe)


def _score(
    score: ScoreMixture, p: Tensor | None, users: Tensor, items: Tensor, pairs: bool = False
) -> Tensor:
    return score(users, items, p, pairs)


def draw_negatives(
    users: Tensor, seen: UserItems, n_items: int, recipe: Recipe, generator: torch.Generator
) -> Tensor:
    """The sampled items a loss needs: (M,) shared by the batch for softmax, (B, K) per pair for bpr and
    bce."""
    if recipe.loss == "softmax":
        return shared_negatives(recipe.negatives, n_items, generator).to(users.device)
    return unseen_negatives(users, seen, n_items, max(1, recipe.negatives), generator)


@LOSSES.register("softmax")
def softmax_loss(
    score: Callable[..., Tensor],
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    batch: Batch,
    recipe: Recipe,
) -> Tensor:
    r"""Softmax over the observed item and its negatives (InfoNCE, sampled softmax), arXiv 2201.02327.

    .. math:: -\frac{1}{B} \sum_b \log \frac{e^{s(u_b, i_b)/T}}{e^{s(u_b, i_b)/T} + \sum_{j \in N_b}
    e^{s(u_b, j)/T}}

    N_b: the other items of the batch (so drawn by popularity) and the sampled ones, without i_b itself.
    Shapes: users (B, D), items (B, D), negatives (M, D).
    """
    pools, ids = ([items], [batch.items]) if recipe.in_batch else ([], [])
    if len(negatives):
        pools, ids = [*pools, negatives], [*ids, batch.negatives]
    if not pools:
        raise ValueError("softmax needs negatives: set loss.in_batch=true or loss.negatives above 0")
    same = torch.cat(ids).unsqueeze(0) == batch.items.unsqueeze(1)
    # in place: B × M passes over memory are what this loss costs
    logits = score(users, torch.cat(pools)).div_(recipe.temperature)
    hidden = torch.finfo(logits.dtype).min / 2
    if recipe.in_batch:
        diagonal = torch.arange(len(users), device=users.device)
        same[diagonal, diagonal] = False
        return F.cross_entropy(logits.masked_fill_(same, hidden), diagonal)
    own = score(users, items, pairs=True) / recipe.temperature
    others = logits.masked_fill_(same, hidden).logsumexp(dim=1)
    return (torch.logaddexp(own, others) - own).mean()


@LOSSES.register("bpr")
def bpr_loss(
    score: Callable[..., Tensor],
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    batch: Batch,
    recipe: Recipe,
) -> Tensor:
    r"""Bayesian personalised ranking, :math:`-\log \sigma(s(u, i) - s(u, j))`, mean over pairs and negatives.

    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: arXiv 1205.2618
    """
    own = score(users, items, pairs=True).unsqueeze(1)
    return -F.logsigmoid(own - score(users.unsqueeze(1), negatives, pairs=True)).mean()


@LOSSES.register("bce")
def bce_loss(
    score: Callable[..., Tensor],
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    batch: Batch,
    recipe: Recipe,
) -> Tensor:
    r"""Binary cross-entropy, :math:`-\log \sigma(s(u, i)) - \frac{1}{K} \sum_j \log \sigma(-s(u, j))`, mean
    over pairs.

    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: arXiv 1708.05031
    """
    own = score(users, items, pairs=True)
    others = score(users.unsqueeze(1), negatives, pairs=True)
    return -F.logsigmoid(own).mean() - F.logsigmoid(-others).mean()
