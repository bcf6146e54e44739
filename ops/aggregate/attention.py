"""Attention over neighbours."""

from typing import Any

import torch
from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS
from ops.relation import Relation
from ops.segment import edge_attention
from ops.spmm import spmm

NEGATIVE_SLOPE = 0.2


@AGGREGATORS.register("attention")
class Attention(nn.Module):
    r"""Additive multi-head attention over neighbours, heads averaged (GAT, equation 6).

    .. math:: o_i = \frac{1}{H} \sum_h \sum_j a_{ij}^{(h)} x_j, \qquad
        a_{ij}^{(h)} = \mathrm{softmax}_j\, \mathrm{leaky\_relu}_{0.2}(
        \langle s_h, x_j \rangle + \langle t_h, x_i \rangle)

    The linear map of GAT belongs to the convolution that follows (`gcn`), and commutes with the average. So
    the heads share one sparse product: a product with half of the channels would cost as much as the whole
    (benchmarks/ops.py). Weights: s, t (D, H).
    Shapes: source (N_src, D), target (N_dst, D), relation N_dst × N_src -> (N_dst, D).  Paper: arXiv
    1710.10903
    """

    def __init__(self, dim: int, heads: int = 2) -> None:
        super().__init__()
        self.source = nn.Parameter(torch.empty(dim, heads))
        self.target = nn.Parameter(torch.empty(dim, heads))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot-uniform weights."""
        nn.init.xavier_uniform_(self.source, generator=generator)
        nn.init.xavier_uniform_(self.target, generator=generator)

    def coefficients(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The mean over heads of a in the formula, (E,)."""
        sent, received = head_scores(source, self.source), head_scores(target, self.target)
        return edge_attention(relation, sent, received, NEGATIVE_SLOPE)

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        return spmm(relation, source, self.coefficients(source, target, relation))


def head_scores(x: Tensor, weight: Tensor) -> Tensor:
    """⟨w_h, x_i⟩ of every node and head. Shapes: x (N, D), weight (D, H) -> (H, N)."""
    return _HeadScores.apply(x, weight)  # type: ignore[no-untyped-call]


class _HeadScores(torch.autograd.Function):
    """Head by head: a matrix–vector product takes a fifth of the time of an (N, D) × (D, 2) product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        return torch.stack([x @ w for w in weight.t().contiguous()])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        return grad.t() @ weight.t(), torch.stack([x.t() @ g for g in grad], dim=1)
