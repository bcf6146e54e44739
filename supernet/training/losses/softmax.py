"""Losses of a softmax over items that the whole batch shares."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ops.sampled_softmax import Offsets, same_cells, sampled_softmax
from supernet.training.losses.base import LOSSES, Scored

NO_NEGATIVES = "{} needs negatives: set loss.in_batch=true or loss.negatives above 0"


@LOSSES.register("softmax")
def softmax_loss(scored: Scored) -> Tensor:
    r"""Softmax over the observed item and its negatives (InfoNCE, sampled softmax), arXiv 2201.02327.

    .. math:: -\frac{1}{B} \sum_b \log \frac{e^{s(u_b, i_b)/T}}{e^{s(u_b, i_b)/T} + \sum_{j \in N_b}
    e^{s(u_b, j)/T}}

    N_b: the other items of the batch (so drawn by popularity) and the sampled ones, without i_b itself; with
    sampling="all" every other item, which makes it the cross-entropy of the whole softmax.
    offset: added to the score of each item.
    Shapes: users (B, D), items (B, D), negatives (M, D). Errors: ValueError where there are no negatives.
    """
    if scored.product:
        return _blocked(scored, decoupled=False)
    batch, recipe, offset = scored.batch, scored.recipe, scored.offset
    logits, same = _logits(scored)
    hidden = torch.finfo(logits.dtype).min / 2
    if scored.in_batch:
        diagonal = torch.arange(len(batch.users), device=batch.users.device)
        same[diagonal, diagonal] = False
        return F.cross_entropy(logits.masked_fill_(same, hidden), diagonal)
    own = scored.score(scored.users, scored.items, pairs=True) / recipe.temperature
    if offset is not None:
        own = own + offset[batch.items]
    others = logits.masked_fill_(same, hidden).logsumexp(dim=1)
    return (torch.logaddexp(own, others) - own).mean()


@LOSSES.register("bsl")
def bilateral_softmax_loss(scored: Scored) -> Tensor:
    r"""Bilateral softmax loss: what the softmax does to negatives, with a temperature of their own for
    positives.

    .. math:: \frac{1}{B} \sum_b \Bigl( -\log \frac{1}{|P_b|} \sum_{c \in P_b} e^{s(u_c, i_c)/T_1} +
        \frac{T_2}{T_1} \log \sum_{j \in N_b} e^{s(u_b, j)/T_2} \Bigr)

    P_b: the pairs of the batch with the user of b, whose log of the mean of exp weighs good pairs more and
    noisy ones less. N_b: as in `softmax_loss`; a pair without any counts 0 there. T_1 is
    recipe.positive_temperature, T_2 recipe.temperature. It is the paper's loss over T_1, so that its gradient
    has the size of the softmax loss's; with T_1 = T_2 = T and one pair a user its terms l_b are those of the
    softmax loss, log(1 + e^{l_b}), without the own item in the denominator.
    offset: added to the scores of N_b (in P_b it would be a constant).
    Shapes: users (B, D), items (B, D), negatives (M, D).  Paper: arXiv 2312.12882
    """
    recipe, offset = scored.recipe, scored.offset
    own = scored.score(scored.users, scored.items, pairs=True)
    if scored.product:
        positives = own / recipe.temperature
        if offset is not None:
            positives = positives + offset[scored.batch.items]
        others = _blocked(scored, decoupled=True) + positives.mean()
    else:
        logits, same = _logits(scored)
        none = torch.where(same.all(dim=1, keepdim=True), 0.0, -math.inf).to(logits)
        logits = torch.cat([none, logits.masked_fill_(same, -math.inf)], dim=1)
        others = logits.logsumexp(dim=1).mean()
    good = _mean_of_exp(own / recipe.positive_temperature, scored.batch.users).mean()
    return recipe.temperature / recipe.positive_temperature * others - good


def _mean_of_exp(score: Tensor, users: Tensor) -> Tensor:
    """log of the mean of e^score over the pairs with the same user, of every pair, (B,)."""
    _, group, counts = users.unique(return_inverse=True, return_counts=True)
    top = score.new_full(counts.shape, -math.inf).scatter_reduce(0, group, score.detach(), "amax")
    total = torch.zeros_like(top).index_add(0, group, (score - top[group]).exp())
    return (total.log() + top - counts.log())[group]


def _blocked(scored: Scored, decoupled: bool) -> Tensor:
    """The softmax loss of products of vectors, without their matrix."""
    keys, ids = candidates(scored)
    batch, offset = scored.batch, scored.offset
    same = same_cells(batch.items, ids)
    offsets = None if offset is None else Offsets(offset[batch.items], offset[ids])
    inputs = (scored.users, scored.items, keys, same, scored.recipe.temperature, scored.bound)
    return sampled_softmax(*inputs, offsets=offsets, decoupled=decoupled)


def _logits(scored: Scored) -> tuple[Tensor, Tensor]:
    """Scores of every user with every candidate over the temperature, and where that is the own item; both
    (B, M), for the caller to overwrite."""
    if scored.recipe.sampling == "all":
        raise ValueError("sampling=all needs a score that is one product; set space.score=[dot] or [cosine]")
    keys, ids = candidates(scored)
    same = ids.unsqueeze(0) == scored.batch.items.unsqueeze(1)
    # in place: B × M passes over memory are what this loss costs
    logits = scored.score(scored.users, keys).div_(scored.recipe.temperature)
    return (logits if scored.offset is None else logits.add_(scored.offset[ids])), same


def candidates(scored: Scored) -> tuple[Tensor, Tensor]:
    """The vectors that every user is scored with (M, D), and which items they are (M,): those of the batch
    first, where they count, then the sampled ones. Errors: ValueError where there are none."""
    keys = torch.cat([scored.items, scored.negatives]) if scored.in_batch else scored.negatives
    if not len(keys):
        raise ValueError(NO_NEGATIVES.format(scored.recipe.loss))
    sampled = scored.batch.negatives
    return keys, torch.cat([scored.batch.items, sampled]) if scored.in_batch else sampled
