"""Ranking losses. Contract: (score, users, items, negatives, batch, recipe, offset) -> a scalar, the mean
over the batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ops.mixture import Mix, ScoreMixture
from ops.registry import Registry
from ops.sampled_softmax import Offsets, same_cells, sampled_softmax
from supernet.data.dataset import UserItems
from supernet.data.graph import INTERACTIONS, ITEM, USER, Graph
from supernet.data.sampling import Batch, sent, shared_negatives, unseen_negatives
from supernet.model import Recommender
from supernet.model.recommender import Dropout, Vectors, Weights
from supernet.training.recipe import Recipe

Loss = Callable[[Callable[..., Tensor], Tensor, Tensor, Tensor, Batch, Recipe, Tensor | None], Tensor]
LOSSES: Registry[Loss] = Registry("loss")
NO_NEGATIVES = "softmax needs negatives: set loss.in_batch=true or loss.negatives above 0"


def step_loss(
    model: Recommender,
    graph: Graph,
    batch: Batch,
    recipe: Recipe,
    weights: Weights | None = None,
    dropout: Dropout | None = None,
) -> Tensor:
    """The recipe's loss of a batch; a scalar. Only the vectors that the batch reads are computed to the
    end."""
    rows, local = localise(batch)
    with torch.autocast(batch.users.device.type, torch.bfloat16, enabled=recipe.autocast):
        vectors = model(graph, weights, dropout, rows)
    offset = correction(graph, recipe.correction)
    offset = None if offset is None else offset.index_select(0, rows[ITEM])
    return batch_loss(model, vectors, local, recipe, weights, offset)


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
) -> Tensor:
    """The recipe's loss of a batch, given the vectors that it counts in; a scalar. offset: of each item's
    score in the softmax loss (`correction`), (N_items,).

    With similarity="cosine" vectors are normalised first; the `mlp` score reads them as they are, since its
    input must be the same in training and in ranking.
    """
    users = vectors.user.index_select(0, batch.users)
    items = vectors.item.index_select(0, batch.items)
    negatives = F.embedding(batch.negatives, vectors.item)
    cosine = recipe.similarity == "cosine" and "mlp" not in model.score.candidates
    if cosine:
        users, items, negatives = (F.normalize(x, dim=-1) for x in (users, items, negatives))
    if recipe.loss == "softmax" and cosine and model.score.only is not None:
        return _fused_softmax(users, items, negatives, batch, recipe, offset)
    score = partial(_score, model.score, None if weights is None else weights.get("score"))
    return LOSSES[recipe.loss](score, users, items, negatives, batch, recipe, offset)


def localise(batch: Batch) -> tuple[dict[str, Tensor], Batch]:
    """The nodes of each side that a batch reads, ascending, and the batch in places of these lists."""
    users, place = batch.users.unique(return_inverse=True)
    items, both = torch.cat([batch.items, batch.negatives.flatten()]).unique(return_inverse=True)
    own, negatives = both.split([batch.items.numel(), batch.negatives.numel()])
    return {USER: users, ITEM: items}, Batch(place, own, negatives.view_as(batch.negatives))


def _fused_softmax(
    users: Tensor, items: Tensor, negatives: Tensor, batch: Batch, recipe: Recipe, offset: Tensor | None
) -> Tensor:
    """`softmax_loss` of unit vectors, whose every score (dot and cosine agree) is their product."""
    keys = torch.cat([items, negatives]) if recipe.in_batch else negatives
    ids = torch.cat([batch.items, batch.negatives]) if recipe.in_batch else batch.negatives
    if not len(keys):
        raise ValueError(NO_NEGATIVES)
    same = same_cells(batch.items, ids)
    offsets = None if offset is None else Offsets(offset[batch.items], offset[ids])
    return sampled_softmax(users, items, keys, same, recipe.temperature, bound=1.0, offsets=offsets)


def _score(score: ScoreMixture, p: Mix | None, users: Tensor, items: Tensor, pairs: bool = False) -> Tensor:
    return score(users, items, p, pairs)


def draw_negatives(
    users: Tensor, seen: UserItems, n_items: int, recipe: Recipe, generator: torch.Generator
) -> Tensor:
    """The sampled items a loss needs: (M,) shared by the batch for softmax, (B, K) per pair for the
    others."""
    if recipe.loss == "softmax":
        return sent(shared_negatives(recipe.negatives, n_items, generator), users.device)
    return unseen_negatives(users, seen, n_items, max(1, recipe.negatives), generator)


@LOSSES.register("softmax")
def softmax_loss(
    score: Callable[..., Tensor],
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    batch: Batch,
    recipe: Recipe,
    offset: Tensor | None = None,
) -> Tensor:
    r"""Softmax over the observed item and its negatives (InfoNCE, sampled softmax), arXiv 2201.02327.

    .. math:: -\frac{1}{B} \sum_b \log \frac{e^{s(u_b, i_b)/T}}{e^{s(u_b, i_b)/T} + \sum_{j \in N_b}
    e^{s(u_b, j)/T}}

    N_b: the other items of the batch (so drawn by popularity) and the sampled ones, without i_b itself.
    offset: added to the score of each item.
    Shapes: users (B, D), items (B, D), negatives (M, D).
    """
    pools, ids = ([items], [batch.items]) if recipe.in_batch else ([], [])
    if len(negatives):
        pools, ids = [*pools, negatives], [*ids, batch.negatives]
    if not pools:
        raise ValueError(NO_NEGATIVES)
    known = torch.cat(ids)
    same = known.unsqueeze(0) == batch.items.unsqueeze(1)
    # in place: B × M passes over memory are what this loss costs
    logits = score(users, torch.cat(pools)).div_(recipe.temperature)
    if offset is not None:
        logits.add_(offset[known])
    hidden = torch.finfo(logits.dtype).min / 2
    if recipe.in_batch:
        diagonal = torch.arange(len(users), device=users.device)
        same[diagonal, diagonal] = False
        return F.cross_entropy(logits.masked_fill_(same, hidden), diagonal)
    own = score(users, items, pairs=True) / recipe.temperature
    if offset is not None:
        own = own + offset[batch.items]
    others = logits.masked_fill_(same, hidden).logsumexp(dim=1)
    return (torch.logaddexp(own, others) - own).mean()


def _pair_scores(
    score: Callable[..., Tensor], users: Tensor, items: Tensor, negatives: Tensor
) -> tuple[Tensor, Tensor]:
    """Scores of the observed item (B,) and of the sampled ones (B, K) of each pair."""
    return score(users, items, pairs=True), score(users.unsqueeze(1), negatives, pairs=True)


@LOSSES.register("bpr")
def bpr_loss(
    score: Callable[..., Tensor],
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    batch: Batch,
    recipe: Recipe,
    offset: Tensor | None = None,
) -> Tensor:
    r"""Bayesian personalised ranking, :math:`-\log \sigma(s(u, i) - s(u, j))`, mean over pairs and negatives.

    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: arXiv 1205.2618
    """
    own, others = _pair_scores(score, users, items, negatives)
    return -F.logsigmoid(own.unsqueeze(1) - others).mean()


@LOSSES.register("bce")
def bce_loss(
    score: Callable[..., Tensor],
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    batch: Batch,
    recipe: Recipe,
    offset: Tensor | None = None,
) -> Tensor:
    r"""Binary cross-entropy, :math:`-\log \sigma(s(u, i)) - \frac{1}{K} \sum_j \log \sigma(-s(u, j))`, mean
    over pairs.

    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: arXiv 1708.05031
    """
    own, others = _pair_scores(score, users, items, negatives)
    return -F.logsigmoid(own).mean() - F.logsigmoid(-others).mean()


@LOSSES.register("ccl")
def cosine_contrastive_loss(
    score: Callable[..., Tensor],
    users: Tensor,
    items: Tensor,
    negatives: Tensor,
    batch: Batch,
    recipe: Recipe,
    offset: Tensor | None = None,
) -> Tensor:
    r"""Cosine contrastive loss, :math:`1 - s(u, i) + \frac{w}{K} \sum_j \max(0, s(u, j) - m)`, mean over
    pairs.

    w is recipe.negative_weight, m recipe.margin: a negative below it is left alone. Meant for cosines.
    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: SimpleX, arXiv 2109.12613
    """
    own, others = _pair_scores(score, users, items, negatives)
    return (1.0 - own).mean() + recipe.negative_weight * F.relu(others - recipe.margin).mean()
