"""The curvature of the alpha loss, an early sign of collapse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from supernet.search.hypergradients import products

ITERATIONS = 10
"""Hessian–vector products, at most."""

NEAR = 1e-3
"""Share of an eigenvalue that it may be wrong by; two of different sign that are nearer count as as large."""


def dominant_eigenvalue(
    loss: Callable[[], Tensor],
    alphas: Sequence[Tensor],
    generator: torch.Generator,
    iterations: int = ITERATIONS,
) -> float:
    r"""The eigenvalue of :math:`\nabla^2_\alpha L` that is largest in size, by Lanczos' method: of the
    matrix's projection on :math:`\mathrm{span}\{v, Hv, \dots, H^{k-1} v\}`, whose eigenvalues come near both
    ends of the spectrum, whatever their signs. k Hessian–vector products, `iterations` at most: fewer where
    the residuals of both ends are within `NEAR` of the larger. Of two as large, λ and −λ, the positive.
    Alphas that are −∞, dropped, take no part.

    A rise of it goes before the collapse of a search, and its test error follows it: Zela et al.
    (RobustDARTS), arXiv 1909.09656. v is drawn from `generator`. 0 where the loss is linear in the alphas,
    NaN where the Hessian is not finite.
    """
    slopes = torch.autograd.grad(loss(), list(alphas), create_graph=True, materialize_grads=True)
    kept = torch.cat([alpha.detach().isfinite().flatten() for alpha in alphas]).cpu()
    sizes = [alpha.numel() for alpha in alphas]

    def curved(v: Tensor) -> Tensor:
        parts = [part.view_as(a).to(a) for part, a in zip(v.split(sizes), alphas, strict=True)]
        found = torch.cat([h.flatten() for h in products(slopes, alphas, parts)])
        return torch.where(kept, found.cpu().double(), 0.0)

    drawn = [torch.randn(alpha.shape, generator=generator, dtype=torch.float64) for alpha in alphas]
    return _larger_end(curved, torch.where(kept, torch.cat([v.flatten() for v in drawn]), 0.0), iterations)


def _larger_end(curved: Callable[[Tensor], Tensor], v: Tensor, iterations: int) -> float:
    """Of the two ends of a symmetric matrix's spectrum. curved: its product with a vector, (D,) -> (D,)."""
    diagonal: list[float] = []
    beside: list[float] = []
    basis = (v / v.norm())[None]
    for _ in range(iterations):
        rest = curved(basis[-1])
        if not bool(rest.isfinite().all()):
            return math.nan
        diagonal.append(float(basis[-1] @ rest))
        for _ in range(2):  # once leaves rounding that grows
            rest = rest - basis.T @ (basis @ rest)
        values, vectors = torch.linalg.eigh(_tridiagonal(diagonal, beside))
        ends, length = values[[0, -1]], rest.norm()
        if bool((length * vectors[-1, [0, -1]].abs() <= NEAR * ends.abs().max()).all()):
            break
        beside.append(float(length))
        basis = torch.cat([basis, (rest / length)[None]])
    low, high = ends.tolist()
    return float(high if high >= (1 - NEAR) * -low else low)


def _tridiagonal(diagonal: Sequence[float], beside: Sequence[float]) -> Tensor:
    off = torch.diag(torch.tensor(beside, dtype=torch.float64), 1)
    return torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + off + off.T
