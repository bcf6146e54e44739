"""The curvature of the alpha loss, an early sign of collapse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from supernet.search.hypergradients import products

ITERATIONS = 10
"""Hessian–vector products, at most."""

NEAR = 1e-3
"""Relative change of the estimate at which it stands."""


def dominant_eigenvalue(
    loss: Callable[[], Tensor],
    alphas: Sequence[Tensor],
    generator: torch.Generator,
    iterations: int = ITERATIONS,
) -> float:
    r"""The eigenvalue of :math:`\nabla^2_\alpha L` that is largest in size, by power iteration on
    Hessian–vector products; of several as large, some one. Alphas that are −∞, dropped, take no part.

    A rise of it goes before the collapse of a search, and its test error follows it: Zela et al.
    (RobustDARTS), arXiv 1909.09656. The start of the iteration is drawn from `generator`. 0 where the loss is
    linear in the alphas.
    """
    slopes = torch.autograd.grad(loss(), list(alphas), create_graph=True, materialize_grads=True)
    kept = [alpha.detach().isfinite() for alpha in alphas]
    v = _unit([_draw(alpha, generator) * mask for alpha, mask in zip(alphas, kept, strict=True)])
    value = 0.0
    for _ in range(iterations):
        curved = [h * mask for h, mask in zip(products(slopes, alphas, v), kept, strict=True)]
        before, value = value, float(sum((a * b).sum() for a, b in zip(v, curved, strict=True)))
        if not any(bool(h.any()) for h in curved) or abs(value - before) <= NEAR * abs(value):
            break
        v = _unit(curved)
    return value


def _draw(alpha: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(alpha.shape, generator=generator, dtype=torch.float64).to(alpha)


def _unit(vectors: Sequence[Tensor]) -> list[Tensor]:
    length = torch.stack([v.norm() for v in vectors]).norm().clamp(min=torch.finfo(vectors[0].dtype).tiny)
    return [v / length for v in vectors]
