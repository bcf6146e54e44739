"""Propagation without weights or activations: a polynomial of fixed operators, with no activations kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ops import kernels
from ops.relation import Relation


class Operator(NamedTuple):
    """A fixed sparse operator x ↦ Σ_e w_e x_src(e), with its edge weights in the order of both directions.

    Shapes: weight (E,), transposed (E,) in the order of relation.T. `relation` None is the zero operator.
    """

    relation: Relation | None
    weight: Tensor | None = None
    transposed: Tensor | None = None

    def apply(self, x: Tensor) -> Tensor | None:
        """(N_src, D) -> (N_dst, D); None for zeros."""
        if self.relation is None or self.weight is None:
            return None
        return kernels.weighted_sum(self.relation, self.weight, x)

    @property
    def T(self) -> Operator:  # noqa: N802
        """The transposed operator."""
        if self.relation is None:
            return self
        return Operator(self.relation.T, self.transposed, self.weight)


class Step(NamedTuple):
    """One layer: what arrives at users (from items), and at items (from users)."""

    user: Operator
    item: Operator


def propagate(
    users: Tensor, items: Tensor, steps: Sequence[Step], weights: Sequence[float]
) -> tuple[Tensor, Tensor]:
    r"""Weighted sum of all layers, :math:`z = \sum_l w_l x_l`, :math:`u_l = A_l i_{l-1}`, :math:`i_l = B_l
    u_{l-1}`.

    The map is linear and fixed, so its backward is the transposed polynomial by Horner's rule:
    :math:`g_{l-1} \mathrel{+}= A_l^\top g_l`. Nothing is kept between them, whatever the number of layers;
    the backward of the backward is this forward.  LightGCN, arXiv 2002.02126, equation 8
    Shapes: users (N_users, D), items (N_items, D), weights L + 1 numbers -> the same two shapes.
    """
    if len(weights) != len(steps) + 1:
        raise ValueError(f"{len(steps)} layers need {len(steps) + 1} weights, found {len(weights)}")
    return _Polynomial.apply(users, items, tuple(steps), tuple(weights), False)  # type: ignore[no-untyped-call]


class _Polynomial(torch.autograd.Function):
    """The polynomial, or where `transposed` its transpose: each is the other's backward."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        users: Tensor,
        items: Tensor,
        steps: tuple[Step, ...],
        weights: tuple[float, ...],
        transposed: bool,
    ) -> tuple[Tensor, Tensor]:
        ctx.rest = (steps, weights, not transposed)
        out = (_horner if transposed else _layers)([users, items], steps, weights)
        return _filled(out[0], users), _filled(out[1], items)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        return (*_Polynomial.apply(*grads, *ctx.rest), None, None, None)  # type: ignore[no-untyped-call]


Sides = list[Tensor | None]
"""Users, items; None stands for zeros."""


def _layers(x: Sides, steps: Sequence[Step], weights: Sequence[float]) -> Sides:
    out = [_plus(None, v, weights[0]) for v in x]
    for step, weight in zip(steps, weights[1:], strict=True):
        x = [_arrive(step.user, x[1]), _arrive(step.item, x[0])]
        out = [_plus(o, v, weight) for o, v in zip(out, x, strict=True)]
    return out


def _horner(grads: Sides, steps: Sequence[Step], weights: Sequence[float]) -> Sides:
    out = [_plus(None, g, weights[-1]) for g in grads]
    for step, weight in zip(reversed(steps), reversed(weights[:-1]), strict=True):
        out = [_arrive(step.item.T, out[1]), _arrive(step.user.T, out[0])]
        out = [_plus(o, g, weight) for o, g in zip(out, grads, strict=True)]
    return out


def _arrive(operator: Operator, x: Tensor | None) -> Tensor | None:
    return None if x is None else operator.apply(x)


def _plus(out: Tensor | None, x: Tensor | None, weight: float) -> Tensor | None:
    """out + weight · x, into `out`; None stands for zeros."""
    if x is None or weight == 0.0:
        return out
    return x * weight if out is None else out.add_(x, alpha=weight)


def _filled(x: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if x is None else x
