"""Losses of a softmax over items that the whole batch shares."""

from __future__ import annotations

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

    N_b: the other items of the batch (so drawn by popularity) and the sampled ones, without i_b itself.
    offset: added to the score of each item.
    Shapes: users (B, D), items (B, D), negatives (M, D). Errors: ValueError where there are no negatives.
    """
    keys, ids = candidates(scored)
    batch, recipe, offset = scored.batch, scored.recipe, scored.offset
    if scored.unit:
        cells = same_cells(batch.items, ids)
        offsets = None if offset is None else Offsets(offset[batch.items], offset[ids])
        return sampled_softmax(
            scored.users, scored.items, keys, cells, recipe.temperature, bound=1.0, offsets=offsets
        )
    same = ids.unsqueeze(0) == batch.items.unsqueeze(1)
    # in place: B × M passes over memory are what this loss costs
    logits = scored.score(scored.users, keys).div_(recipe.temperature)
    if offset is not None:
        logits.add_(offset[ids])
    hidden = torch.finfo(logits.dtype).min / 2
    if recipe.in_batch:
        diagonal = torch.arange(len(batch.users), device=batch.users.device)
        same[diagonal, diagonal] = False
        return F.cross_entropy(logits.masked_fill_(same, hidden), diagonal)
    own = scored.score(scored.users, scored.items, pairs=True) / recipe.temperature
    if offset is not None:
        own = own + offset[batch.items]
    others = logits.masked_fill_(same, hidden).logsumexp(dim=1)
    return (torch.logaddexp(own, others) - own).mean()


def candidates(scored: Scored) -> tuple[Tensor, Tensor]:
    """The vectors that every user is scored with (M, D), and which items they are (M,): those of the batch
    first, where they count, then the sampled ones. Errors: ValueError where there are none."""
    batch, recipe = scored.batch, scored.recipe
    keys = torch.cat([scored.items, scored.negatives]) if recipe.in_batch else scored.negatives
    if not len(keys):
        raise ValueError(NO_NEGATIVES.format(recipe.loss))
    return keys, torch.cat([batch.items, batch.negatives]) if recipe.in_batch else batch.negatives
