"""Late fusion: two scores as one."""

from __future__ import annotations

import torch
from torch import Tensor

from supernet.evaluation.ranking import Score


def fused(network: Score, other: Score, share: float) -> Score:
    r"""The score :math:`a_{ui} / \sigma_u(a) + \gamma\, b_{ui} / \sigma_u(b)`, γ = share.

    a is `network`, b `other`, σ_u the standard deviation over all items of one user's scores: what differs
    between users, or between the two in scale, does not count. share = 0 ranks as the network alone. Where
    all items have the same score, they add nothing.
    Scores: users (B,) -> (B, N_items). Paper: weighted hybrids, Burke, UMUAI 12 (2002)
    """

    def score(users: Tensor) -> Tensor:
        return _scaled(network(users)).add_(_scaled(other(users)), alpha=share)

    return score


def _scaled(scores: Tensor) -> Tensor:
    spread = scores.std(dim=1, correction=0, keepdim=True)
    return torch.where(spread > 0, scores / spread, 0.0)
