r"""Hypergradients: the gradient of the alpha loss with respect to the alphas.

Contract: (alphas, weights, train_loss, alpha_loss, lr) -> one gradient for each alpha, and the alpha loss.
The two losses are closures that compute their value anew, with the current alphas and weights and, within
one call, on the same batch with the same draws. Weights are left as they were, bit for bit; no ``.grad`` is
set.

The total derivative at weights that follow the alphas is
:math:`dL_{alpha}/d\alpha = \partial_\alpha L_{alpha} + (dw/d\alpha)^T \partial_w L_{alpha}`; the methods
differ in what they take for dw/dα: nothing (`first_order`), one gradient step (`finite_difference`), several
(`neumann`, in the limit the implicit function theorem); `joint` has one level alone.
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

REACH = 0.001
"""Length of the step, over all weights, by which `finite_difference` looks to both sides."""

TERMS = 4
"""Of the series of `neumann`, beside the first."""


@HYPERGRADIENTS.register("joint")
def joint(
    alphas: Sequence[Tensor],
    weights: Sequence[Tensor],
    train_loss: Closure,
    alpha_loss: Closure,
    lr: float,
) -> tuple[list[Tensor], float]:
    r""":math:`\nabla_\alpha (L_{train} + L_{alpha})` at the current weights: one level, no part held out.

    What bilevel optimisation is compared with (SNAS; DARTS, section 3.3, "joint"). Returns the gradients and
    the alpha loss.
    """
    held_out = alpha_loss()
    gradients = _gradients(train_loss() + held_out, alphas)
    return gradients, float(held_out.detach())


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
    return _gradients(loss, alphas), float(loss.detach())


@HYPERGRADIENTS.register("finite_difference")
def finite_difference(
    alphas: Sequence[Tensor],
    weights: Sequence[Tensor],
    train_loss: Closure,
    alpha_loss: Closure,
    lr: float,
) -> tuple[list[Tensor], float]:
    r"""The derivative through one step of gradient descent on the train loss, :math:`w' = w - \xi
    \nabla_w L_{train}(w, \alpha)` with ξ = lr:

    .. math:: \nabla_\alpha L_{alpha}(w', \alpha) - \xi\, \frac{\nabla_\alpha L_{train}(w^+, \alpha)
              - \nabla_\alpha L_{train}(w^-, \alpha)}{2 \epsilon}, \quad w^\pm = w \pm \epsilon
              \nabla_{w'} L_{alpha}(w', \alpha)

    with ε = `REACH` over the norm of that gradient: the mixed second derivative without a second backward
    pass. The step is of gradient descent even where Adam trains the weights. Returns the gradients and
    :math:`L_{alpha}(w', \alpha)`. Paper: arXiv 1806.09055 (DARTS), eq. 7 and 8
    """
    kept = [w.detach().clone() for w in weights]
    try:
        _move(weights, kept, _gradients(train_loss(), weights), -lr)
        loss = alpha_loss()
        found = _gradients(loss, [*alphas, *weights])
        direct, direction = found[: len(alphas)], found[len(alphas) :]
        norm = float(torch.stack([d.norm() for d in direction]).norm()) if direction else 0.0
        if norm == 0.0:
            return direct, float(loss.detach())
        reach = REACH / norm
        sides = []
        for sign in (reach, -reach):
            _move(weights, kept, direction, sign)
            sides.append(_gradients(train_loss(), alphas))
        mixed = [(up - down) / (2 * reach) for up, down in zip(*sides, strict=True)]
        return [g - lr * m for g, m in zip(direct, mixed, strict=True)], float(loss.detach())
    finally:
        _move(weights, kept, kept, 0.0)


@HYPERGRADIENTS.register("neumann")
def neumann(
    alphas: Sequence[Tensor],
    weights: Sequence[Tensor],
    train_loss: Closure,
    alpha_loss: Closure,
    lr: float,
    terms: int = TERMS,
) -> tuple[list[Tensor], float]:
    r"""The implicit function theorem at weights that the train loss is flat in, its inverse Hessian by the
    first terms of Neumann's series:

    .. math:: \nabla_\alpha L_{alpha} - \frac{\partial^2 L_{train}}{\partial \alpha\, \partial w}\;
              \xi \sum_{j=0}^{J} (I - \xi H)^j \; \nabla_w L_{alpha}, \quad H = \nabla^2_w L_{train},
              \; \xi = lr

    It is as good as J + 1 steps of training looked back through, in constant memory; it converges where ξ
    times the largest eigenvalue of H is below 2. terms: J. Returns the gradients and the alpha loss.
    Paper: arXiv 1911.02590, algorithm 3
    """
    loss = alpha_loss()
    found = _gradients(loss, [*alphas, *weights])
    direct, v = found[: len(alphas)], found[len(alphas) :]
    slopes = torch.autograd.grad(
        train_loss(), list(weights), create_graph=True, materialize_grads=True, allow_unused=True
    )
    total = v
    for _ in range(terms):
        curved = products(slopes, weights, v)
        v = [a - lr * b for a, b in zip(v, curved, strict=True)]
        total = [a + b for a, b in zip(total, v, strict=True)]
    mixed = products(slopes, alphas, total)
    return [g - lr * m for g, m in zip(direct, mixed, strict=True)], float(loss.detach())


def _gradients(loss: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(inputs), materialize_grads=True, allow_unused=True))


def products(slopes: Sequence[Tensor], inputs: Sequence[Tensor], v: Sequence[Tensor]) -> list[Tensor]:
    """Σ_w (∂ slope_w / ∂ input)ᵀ v_w of each input; zeros for one that the slopes do not depend on."""
    known = [(s, x) for s, x in zip(slopes, v, strict=True) if s.requires_grad]
    if not known:
        return [torch.zeros_like(x) for x in inputs]
    outputs, vectors = zip(*known, strict=True)
    found = torch.autograd.grad(
        outputs, list(inputs), vectors, retain_graph=True, materialize_grads=True, allow_unused=True
    )
    return list(found)


@torch.no_grad()
def _move(
    weights: Sequence[Tensor], origin: Sequence[Tensor], direction: Sequence[Tensor], by: float
) -> None:
    """w ← origin + by · direction."""
    for w, start, d in zip(weights, origin, direction, strict=True):
        w.copy_(start if by == 0.0 else start + by * d)


def repeatable(
    loss: Closure, generator: torch.Generator, prepare: Callable[[], object] | None = None
) -> Closure:
    """The loss with the same draws from `generator` at every call. prepare: done once, before the first."""
    state: Tensor | None = None

    def again() -> Tensor:
        nonlocal state
        if state is not None:
            generator.set_state(state)
        elif prepare is not None:
            prepare()
        state = generator.get_state()
        return loss()

    return again
