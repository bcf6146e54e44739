"""Losses of pairs with negatives of their own."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from supernet.training.losses.base import LOSSES, Scored


def pair_scores(scored: Scored) -> tuple[Tensor, Tensor]:
    """Scores of the observed item (B,) and of the sampled ones (B, K) of each pair."""
    own = scored.score(scored.users, scored.items, pairs=True)
    return own, scored.score(scored.users.unsqueeze(1), scored.negatives, pairs=True)


@LOSSES.register("bpr")
def bpr_loss(scored: Scored) -> Tensor:
    r"""Bayesian personalised ranking, :math:`-\log \sigma(s(u, i) - s(u, j))`, mean over pairs and negatives.

    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: arXiv 1205.2618
    """
    own, others = pair_scores(scored)
    return -F.logsigmoid(own.unsqueeze(1) - others).mean()


@LOSSES.register("bce")
def bce_loss(scored: Scored) -> Tensor:
    r"""Binary cross-entropy, :math:`-\log \sigma(s(u, i)) - \frac{1}{K} \sum_j \log \sigma(-s(u, j))`, mean
    over pairs.

    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: arXiv 1708.05031
    """
    own, others = pair_scores(scored)
    return -F.logsigmoid(own).mean() - F.logsigmoid(-others).mean()


@LOSSES.register("ccl")
def cosine_contrastive_loss(scored: Scored) -> Tensor:
    r"""Cosine contrastive loss, :math:`1 - s(u, i) + \frac{w}{K} \sum_j \max(0, s(u, j) - m)`, mean over
    pairs.

    w is recipe.negative_weight, m recipe.margin: a negative below it is left alone. Meant for cosines.
    Shapes: users (B, D), items (B, D), negatives (B, K, D).  Paper: SimpleX, arXiv 2109.12613
    """
    own, others = pair_scores(scored)
    recipe = scored.recipe
    return (1.0 - own).mean() + recipe.negative_weight * F.relu(others - recipe.margin).mean()
