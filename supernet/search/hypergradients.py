"""Hypergradients: the gradient of the alpha loss with respect to the alphas.

Contract: (alphas, weights, train_loss, alpha_loss, lr) -> one gradient for each alpha. The two losses are
closures that compute their value anew, with the current alphas and weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ops.registry import Registry

Closure = Callable[[], Tensor]
Hypergradient = Callable[
    [Sequence[Tensor], Sequence[Tensor], Closure, Closure, float], tuple[list[Tensor], float]
]
HYPERGRADIENTS: Registry[Hypergradient] = Registry("hypergradient")


@HYPERGRADIENTS.register("first_order")
def first_order(
    alphas: Sequence[Tensor],
    weights: Sequence[Tensor],
    train_loss: Closure,
    alpha_loss: Closure,
    lr: float,
) -> tuple[list[Tensor], float]:
    r""":math:`\nabla_\alpha L_{alpha}(w, \alpha)` at the current weights: they count as if they were the
    best already.

    Returns the gradients and the alpha loss. Paper: arXiv 1806.09055, section 2.3 with ξ = 0
    """
    loss = alpha_loss()
    return list(torch.autograd.grad(loss, list(alphas), materialize_grads=True)), float(loss.detach())
