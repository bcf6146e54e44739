"""Reductions over the edges of each target, and the softmax over them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ops import kernels
from ops.backend import load_kernels
from ops.gradients import differentiable_gradients
from ops.relation import Relation

SAFE = 75.0
"""exp of ±75 and sums of it are normal float32 numbers."""


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


def edge_attention(relation: Relation, source: Tensor, target: Tensor, slope: float) -> Tensor:
    r"""Softmax over the edges of each target of :math:`s_e = \mathrm{leaky\_relu}(a_{src(e)} +
    b_{dst(e)})`, mean over heads.

    Each step in place; where no |a| + |b| exceeds 75 (a look at N numbers) the exponential is safe without
    the maximum of each target. Shapes: source a (H, N_src), target b (H, N_dst) -> (E,).
    """
    return _EdgeAttention.apply(relation, source, target, slope)  # type: ignore[no-untyped-call]


def plain_edge_attention(relation: Relation, source: Tensor, target: Tensor, slope: float) -> Tensor:
    """`edge_attention` by operations that torch differentiates, any number of times."""
    sent = source.t().index_select(0, relation.index) + to_edges(relation, target.t())
    return edge_softmax(relation, F.leaky_relu(sent, slope)).mean(dim=1)


class _EdgeAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        relation: Relation,
        source: Tensor,
        target: Tensor,
        slope: float,
    ) -> Tensor:
        ctx.relation, ctx.slope = relation, slope
        safe = relation.n_edges > 0 and float(source.abs().max() + target.abs().max()) <= SAFE
        kept, out = [], None
        for a, b in zip(source, target, strict=True):
            weight = a.index_select(0, relation.index).add_(b.index_select(0, relation.row))
            kept.append(weight < 0)
            F.leaky_relu_(weight, slope)
            if not safe:
                top = _reduce(relation, weight.unsqueeze(1), "max").squeeze(1)
                weight.sub_(top.index_select(0, relation.row))
            total = kernels.edge_total(relation, weight.exp_()).mul_(len(source))
            weight.mul_(total.reciprocal_().index_select(0, relation.row))
            kept.append(weight)
            out = weight if out is None else out + weight
        assert out is not None, "attention needs a head"
        ctx.save_for_backward(source, target, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        relation = ctx.relation
        source, target, *kept = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph
            again = plain_edge_attention(relation, source, target, ctx.slope)
            wanted = ctx.needs_input_grad[1:3]
            found = differentiable_gradients(again, (source, target), wanted, grad)
            return None, *found, None
        heads = [
            _head_gradients(relation, grad, below, weight, ctx.slope, len(source))
            for below, weight in zip(kept[::2], kept[1::2], strict=True)
        ]
        return None, *(torch.stack(side) for side in zip(*heads, strict=True)), None


def _head_gradients(
    relation: Relation, grad: Tensor, below: Tensor, weight: Tensor, slope: float, heads: int
) -> tuple[Tensor, Tensor]:
    """Gradients to a (N_src,) and b (N_dst,) of one head; `weight` is its softmax over the number of
    heads."""
    part = weight * grad
    total = kernels.edge_total(relation, part).mul_(heads)
    part.addcmul_(weight, total.index_select(0, relation.row), value=-1)
    part = torch.where(below, part * slope, part)
    sent = kernels.edge_total(relation.T, part.index_select(0, relation.perm))
    return sent, kernels.edge_total(relation, part)


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
