"""A learnt polynomial filter of the relation."""

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS, masked_rows
from ops.aggregate.sym import SymmetricSum
from ops.registry import Scalar
from ops.relation import Relation
from ops.spmm import spmm


@AGGREGATORS.register("chebyshev")
class Chebyshev(nn.Module):
    r"""A polynomial filter of the sources' similarity, then one step to the targets,

    .. math:: o = \tilde R \sum_{k=0}^K \theta_k T_k(2 \tilde R^\top \tilde R - I) x, \qquad
        \tilde R_{ij} = 1 / \sqrt{d_i d_j},

    T the Chebyshev polynomials; the eigenvalues of R̃ᵀR̃ lie in [0, 1], so their argument in [−1, 1].
    `chebyshev(order)` sets K, 2 K + 1 hops in one layer and as many sparse products. Weights: θ (K + 1,), at
    first ½, ½, 0 …, which is R̃ R̃ᵀR̃ x, three hops.
    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Papers: arXiv 1606.09375; for
    recommendation arXiv 2204.01065
    """

    SCALARS: ClassVar[dict[str, Scalar]] = {"order": Scalar(2, 1, 8, whole=True)}

    def __init__(self, dim: int, order: int = 2) -> None:
        super().__init__()
        self.norm = SymmetricSum(dim)
        self.theta = nn.Parameter(torch.empty(order + 1))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """½, ½, 0 …"""
        nn.init.zeros_(self.theta)
        nn.init.constant_(cast(nn.Parameter, self.theta[:2]).data, 0.5)

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        whole = relation.origin.base or relation.origin
        weights = self.norm.edge_weights(whole, source.dtype)

        def shifted(x: Tensor) -> Tensor:
            there = spmm(whole, x, *weights)
            return 2 * spmm(whole.T, there, weights.transposed, weights.forward) - x

        before = masked_rows(source, relation.senders)
        now = shifted(before)
        out = self.theta[0] * before + self.theta[1] * now
        for theta in self.theta[2:]:
            before, now = now, 2 * shifted(now) - before
            out = torch.addcmul(out, theta, now)
        return spmm(relation, out, *self.norm.edge_weights(relation, source.dtype))
