"""Reductions over the edges of each target, and the softmax over them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ops.backend import load_kernels
from ops.relation import Relation


def segment_sum(relation: Relation, value: Tensor) -> Tensor:
    """Sum of `value` over the edges of each target. Shapes: value (E, H) -> (N_dst, H); no edges give
    zeros."""
    return _SegmentSum.apply(relation, value)  # type: ignore[no-untyped-call]


def to_edges(relation: Relation, value: Tensor) -> Tensor:
    """Each edge reads the value of its target. Shapes: value (N_dst, H) -> (E, H)."""
    return _ToEdges.apply(relation, value)  # type: ignore[no-untyped-call]


def edge_softmax(relation: Relation, score: Tensor) -> Tensor:
    r"""Softmax over the edges of each target: :math:`a_e = \exp(s_e) / \sum_{e' \to i} \exp(s_{e'})`.

    Safe for any finite score (the maximum of each target is taken off first). Shapes: score (E, H) -> (E, H).
    """
    top = to_edges(relation, _reduce(relation, score.detach(), "max"))
    weight = (score - top).exp()
    return weight / to_edges(relation, segment_sum(relation, weight))


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, relation: Relation, value: Tensor) -> Tensor:  # noqa: ANN401
        ctx.relation = relation
        return _reduce(relation, value, "sum")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:  # noqa: ANN401
        return None, to_edges(ctx.relation, grad)


class _ToEdges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, relation: Relation, value: Tensor) -> Tensor:  # noqa: ANN401
        ctx.relation = relation
        return value.index_select(0, relation.row)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:  # noqa: ANN401
        return None, segment_sum(ctx.relation, grad)


def _reduce(relation: Relation, value: Tensor, reduce: str) -> Tensor:
    if relation.backend.used == "scatter":
        load_kernels()
        from torch_scatter import segment_csr

        return segment_csr(value.contiguous(), relation.ptr, reduce=reduce)
    if not relation.n_edges:
        return value.new_zeros(relation.n_target, *value.shape[1:])
    initial = torch.finfo(value.dtype).min if reduce == "max" else 0.0
    return torch.segment_reduce(value, reduce, offsets=relation.ptr, axis=0, initial=initial, unsafe=True)
