"""Alignment and uniformity, without negatives."""

from __future__ import annotations

from torch import Tensor

from ops.sphere import unit_rows
from ops.uniformity import uniformity
from supernet.training.losses.base import LOSSES, Scored


@LOSSES.register("directau")
def alignment_and_uniformity_loss(scored: Scored) -> Tensor:
    r"""Pairs close together, users and items far apart on the sphere.

    .. math:: \frac{1}{B} \sum_b \|u_b - i_b\|^2 + \frac{\gamma}{2} \bigl( U(u) + U(i) \bigr), \qquad
        U(x) = \log \frac{1}{B (B - 1)} \sum_{a \ne b} e^{-2 \|x_a - x_b\|^2}

    of vectors of length 1, whatever the similarity; γ is recipe.uniformity. The batch's rows are taken as
    they come, a user as often as it has pairs there. It reads neither the score slot nor negatives, and costs
    B × B products a side. A batch of one pair has no U.
    Shapes: users (B, D), items (B, D).  Paper: arXiv 2206.12811
    """
    users, items = (unit_rows(x) for x in (scored.users, scored.items))
    alignment = (users - items).square().sum(dim=1).mean()
    if len(users) < 2:
        return alignment
    return alignment + scored.recipe.uniformity / 2 * (uniformity(users) + uniformity(items))
