"""Weighted neighbour sums, their sampled transpose, and neighbour maxima, with gradients to everything.

None of them makes an E × D tensor. The gradients are written in the same functions, so that they can be
differentiated again (Hessian–vector products).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ops import kernels
from ops.relation import Relation


def spmm(
    relation: Relation, x: Tensor, weight: Tensor | None = None, transposed: Tensor | None = None
) -> Tensor:
    r"""Sparse–dense product: :math:`o_i = \sum_{e: j \to i} w_e x_j`; `weight=None` is all ones.

    transposed: the same weights in the order of relation.T, where they are known: it saves the backward a
    gather. Shapes: x (N_src, D), weight (E,), transposed (E,) -> (N_dst, D); a target without edges gets
    zeros.
    """
    _check(relation, x)
    if weight is None:
        weight = transposed = relation.cached(("ones", x.dtype), lambda: x.new_ones(relation.n_edges))
    if transposed is not None:
        transposed = transposed.detach()
    return _WeightedSum.apply(relation, weight, x, transposed)  # type: ignore[no-untyped-call]


def sddmm(relation: Relation, left: Tensor, right: Tensor) -> Tensor:
    r"""Sampled dense–dense product: :math:`o_e = \langle l_i, r_j \rangle` for every edge e from j to i.

    Shapes: left (N_dst, D), right (N_src, D) -> (E,).
    """
    return _SampledProduct.apply(relation, left, right)  # type: ignore[no-untyped-call]


def spmax(relation: Relation, x: Tensor) -> Tensor:
    r"""Neighbour maximum: :math:`o_{id} = \max_{j \to i} x_{jd}`, 0 where i has no neighbour.

    The gradient goes to one maximal neighbour (a subgradient where there are ties). Shapes: x (N_src, D) ->
    (N_dst, D).
    """
    _check(relation, x)
    return _Maximum.apply(relation, x)  # type: ignore[no-untyped-call]


def _check(relation: Relation, x: Tensor) -> None:
    if x.dim() != 2 or x.shape[0] != relation.n_source:
        raise ValueError(f"x must be ({relation.n_source}, D), one row per source; found {tuple(x.shape)}")


class _WeightedSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        relation: Relation,
        weight: Tensor,
        x: Tensor,
        transposed: Tensor | None,
    ) -> Tensor:
        ctx.relation, ctx.transposed = relation, transposed
        ctx.save_for_backward(weight, x if weight.requires_grad else None)
        return kernels.weighted_sum(relation, weight, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        weight, x = ctx.saved_tensors
        grad_weight = sddmm(ctx.relation, grad, x) if ctx.needs_input_grad[1] else None
        grad_x = _transposed(ctx.relation, grad, weight, ctx.transposed) if ctx.needs_input_grad[2] else None
        return None, grad_weight, grad_x, None


class _SampledProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, relation: Relation, left: Tensor, right: Tensor) -> Tensor:  # noqa: ANN401
        ctx.relation = relation
        ctx.save_for_backward(left, right)
        return kernels.sampled_product(relation, left, right)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:  # noqa: ANN401
        left, right = ctx.saved_tensors
        grad_left = spmm(ctx.relation, right, grad) if ctx.needs_input_grad[1] else None
        grad_right = _transposed(ctx.relation, left, grad) if ctx.needs_input_grad[2] else None
        return None, grad_left, grad_right


class _Maximum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, relation: Relation, x: Tensor) -> Tensor:  # noqa: ANN401
        out, source = kernels.maximum(relation, x)
        ctx.shape = x.shape
        ctx.empty = kernels.empty_rows(relation)
        channel = torch.arange(x.shape[1], device=x.device)
        ctx.save_for_backward(source.mul_(x.shape[1]).add_(channel).flatten())
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:  # noqa: ANN401
        (cell,) = ctx.saved_tensors
        if ctx.empty.numel():
            grad = grad.index_fill(0, ctx.empty, 0.0)
        # one flat list of cells: half the time of a two-dimensional scatter
        found = grad.new_zeros(ctx.shape.numel()).scatter_add(0, cell, grad.flatten())
        return None, found.view(ctx.shape)


def _transposed(relation: Relation, grad: Tensor, weight: Tensor, transposed: Tensor | None = None) -> Tensor:
    if transposed is None or (weight.requires_grad and torch.is_grad_enabled()):  # create_graph
        return spmm(relation.T, grad, weight.index_select(0, relation.perm))
    return spmm(relation.T, grad, transposed, weight.detach())
